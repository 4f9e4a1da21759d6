//! Shared libraries of programs, as the dynamic linker finds them here.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::process::{self, Echo};

/// Every library that these files need, and the dynamic linker itself.
///
/// # Errors
/// `ldd` cannot be started.
pub fn of(files: &[PathBuf]) -> Result<BTreeSet<PathBuf>> {
    // It fails for a file that needs none, such as a static program or a script.
    let ended = process::capture(Command::new("ldd").args(files), Echo::Silent)?;
    Ok(ended.output.lines().filter_map(path_of).collect())
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn path_of(line: &str) -> Option<PathBuf> {
    let found = line.split_once(" => ").map_or(line, |(_, found)| found);
    let (path, _address) = found.trim().rsplit_once(" (0x")?;
    Path::new(path).is_absolute().then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_linker_are_read() {
        let path = |line| path_of(line).map(|path| path.display().to_string());
        assert_eq!(path("\tlinux-vdso.so.1 (0x00007ffd)"), None);
        assert_eq!(path("/usr/bin/cat:"), None);
        assert_eq!(path("\tnot a dynamic executable"), None);
        assert_eq!(path("\tlibc.so.6 => /lib/libc.so.6 (0x00007f)").as_deref(), Some("/lib/libc.so.6"));
        assert_eq!(path("\t/lib64/ld-linux.so.2 (0x00007f)").as_deref(), Some("/lib64/ld-linux.so.2"));
    }
}
