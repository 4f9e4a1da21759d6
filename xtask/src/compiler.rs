//! This program in the place of rustc, as cargo's `RUSTC_WRAPPER`.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

/// A way to stand in for rustc, by the variable that a build sets for cargo.
pub struct StandIn(pub &'static str);

impl StandIn {
    /// Has cargo call this program where it would call rustc. Its copy lies in `folder`.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn serve(&self, cargo: &mut Command, folder: &Path) -> Result<()> {
        cargo.env("RUSTC_WRAPPER", copy_into(folder)?).env(self.0, "1");
        Ok(())
    }

    /// Whether cargo has called.
    pub fn is_called(&self) -> bool {
        env::var_os(self.0).is_some()
    }

    /// Becomes the rustc that cargo named, with other words.
    ///
    /// # Errors
    /// rustc cannot be started.
    pub fn run(&self, change: impl FnOnce(Vec<String>) -> Vec<String>) -> Result<ExitCode> {
        let mut words = env::args().skip(1);
        let rustc =
            words.next().context("cargo named no compiler; this variable is for cargo alone: unset it")?;
        let error = Command::new(&rustc).args(change(words.collect())).exec();
        Err(error).with_context(|| format!("{rustc} cannot be started"))
    }
}

/// This program at a path of its own: cargo replaces the file that it was started from, where it builds the workspace meanwhile.
fn copy_into(folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("xtask");
    fs::create_dir_all(folder)
        .and_then(|()| fs::copy("/proc/self/exe", &copy))
        .with_context(|| format!("this program cannot be copied to {}", copy.display()))?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_has_a_copy_that_outlives_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let copy = copy_into(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read(copy).unwrap(), fs::read(env::current_exe().unwrap()).unwrap());
    }
}
