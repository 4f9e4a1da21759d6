//! The targets as programs: built so that our own crates count their regions, and run on inputs.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::compiler;
use crate::{
    process::{self, Echo, Ended},
    repository::Repository,
};

const MANIFEST: &str = "fuzz/Cargo.toml";
/// Seconds that one input may take. A built one takes milliseconds.
const INPUT_TIMEOUT: u32 = 20;

/// The names of all targets, as `fuzz/Cargo.toml` lists them.
///
/// # Errors
/// It cannot be read, or lists none.
pub fn targets(root: &Path) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Manifest {
        bin: Vec<Bin>,
    }
    #[derive(Deserialize)]
    struct Bin {
        name: String,
    }
    let text =
        fs::read_to_string(root.join(MANIFEST)).with_context(|| format!("{MANIFEST} cannot be read"))?;
    let manifest: Manifest = toml::from_str(&text).with_context(|| format!("{MANIFEST} lists no targets"))?;
    Ok(manifest.bin.into_iter().map(|bin| bin.name).collect())
}

/// How the targets are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Soon built; regions are counted in it, as the optimiser merges none.
    Dev,
    /// Fast, with the checks of debug builds.
    Release,
}

/// Built targets.
pub struct Programs(PathBuf);

impl Programs {
    /// Builds all targets in a folder of their own, as cargo does not tell what counts from what does not.
    ///
    /// # Errors
    /// There is no C++ compiler, or they do not build.
    pub fn build(repository: &Repository, profile: Profile) -> Result<Self> {
        ensure!(process::find("c++").is_some(), "libFuzzer needs a C++ compiler (Debian: g++)");
        let folder = repository.target().join("fuzz");
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir"])
            .arg(&folder);
        let kind = match profile {
            Profile::Dev => "debug",
            Profile::Release => {
                cargo.arg("--release");
                "release"
            }
        };
        compiler::STAND_IN.serve(&mut cargo, &folder)?;
        cargo.current_dir(repository.root());
        process::answer(&mut cargo)?;
        Ok(Self(folder.join(kind)))
    }

    /// Regions that a target reaches with the inputs of a folder beyond those that it reaches with next to no input: what starts it,
    /// and what it reads besides its input, counts nothing.
    ///
    /// # Errors
    /// It fails on an input; names the input.
    pub fn regions(&self, target: &str, corpus: &Path) -> Result<u64> {
        let idle = self.covered(target, None)?;
        Ok(self.covered(target, Some(corpus))?.saturating_sub(idle))
    }

    fn covered(&self, target: &str, corpus: Option<&Path>) -> Result<u64> {
        // In one order always, so that an input finds the same caches.
        let ended = self.run(target, ["-runs=0", "-shuffle=0"], corpus)?;
        if ended.status.success() {
            return covered(&ended.output)
                .with_context(|| format!("{target} told no number of regions:\n{}", ended.output));
        }
        // It does not say which input it was; one by one it does.
        let mut which = "next to nothing".to_owned();
        let files = corpus.map(super::corpus::inputs).transpose()?.unwrap_or_default();
        for input in files {
            if !self.run(target, ["-runs=1"], Some(&input.path))?.status.success() {
                which = input.path.display().to_string();
                break;
            }
        }
        bail!("{target}: fails on {which} ({})\n{}", ended.status, ended.output.trim_end())
    }

    /// Runs a target with options and paths of libFuzzer's.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run<O: AsRef<OsStr>, P: AsRef<OsStr>>(
        &self,
        target: &str,
        options: impl IntoIterator<Item = O>,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Ended> {
        let mut command = Command::new(self.0.join(target));
        command.arg(format!("-timeout={INPUT_TIMEOUT}")).args(options).args(paths);
        command.current_dir(&self.0).env("RUST_BACKTRACE", "0");
        process::capture(&mut command, Echo::Silent)
    }
}

/// The number behind `cov:` in the line that says `INITED`, 0 where it has none; `None` where nothing was played.
fn covered(output: &str) -> Option<u64> {
    let line = output.lines().find(|line| line.contains("\tINITED "))?;
    let Some((_, rest)) = line.split_once(" cov: ") else { return Some(0) };
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_file_and_every_file_is_a_target() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut listed = targets(&root).unwrap();
        let files = fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap();
        let mut files: Vec<String> = files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        listed.sort();
        files.sort();
        assert_eq!(listed, files);
    }

    #[test]
    fn the_number_of_regions_is_read_from_what_libfuzzer_says() {
        let line = "#18\tINITED cov: 206 ft: 540 corp: 16/1655b exec/s: 0 rss: 27Mb\n";
        assert_eq!(
            covered(&format!("INFO: Loaded 1 modules\n{line}#18\tDONE   cov: 207 ft: 541\n")),
            Some(206)
        );
    }

    #[test]
    fn a_target_that_calls_nothing_of_ours_reaches_nothing() {
        assert_eq!(covered("#2\tINITED exec/s: 0 rss: 27Mb\n"), Some(0));
    }

    #[test]
    fn a_target_that_played_nothing_has_no_number() {
        assert_eq!(covered("INFO: Loaded 1 modules\n==7== ERROR: libFuzzer\n"), None);
    }
}
