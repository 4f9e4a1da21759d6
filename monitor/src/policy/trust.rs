//! Files that the daemon obeys must be nobody's but root's to change.

use std::{
    fs,
    path::{Path, PathBuf},
};

use interlock_core::problem::{Problem, Problems};
use interlock_host::trust::distrust;

/// Files of root's are its group's to write to in many an image.
const ROOTS_GROUP: u32 = 0;

/// Looks at files and directories, and at what lies in the directories; those that are not there are passed over. A rule that
/// anybody may write is no rule: fails closed, nothing is loaded.
///
/// # Errors
/// Each that others than root, or than whoever this is, may change.
pub fn check<'p>(places: impl IntoIterator<Item = &'p Path>) -> Result<(), Problems> {
    let faults = places.into_iter().flat_map(|place| match fault(place) {
        // What lies in a place that is not trusted is not trusted for the same reason.
        Some(problem) => vec![problem],
        None => inside(place).iter().filter_map(|path| fault(path)).collect(),
    });
    faults.collect::<Problems>().or(())
}

/// As [`check`], without what lies in directories.
///
/// # Errors
/// As there.
pub fn check_alone<'p>(places: impl IntoIterator<Item = &'p Path>) -> Result<(), Problems> {
    places.into_iter().filter_map(fault).collect::<Problems>().or(())
}

fn fault(place: &Path) -> Option<Problem> {
    // A link's target counts. A pipe (`--config <(…)`) is of whoever made it. What cannot be looked at cannot be read either, and
    // that is said there.
    let path = fs::canonicalize(place).ok().filter(|path| path.is_dir() || path.is_file())?;
    let found = distrust(&path, rustix::process::geteuid().as_raw(), Some(ROOTS_GROUP)).ok().flatten()?;
    let what = if found.path == path {
        found.reason.clone()
    } else {
        format!("{} {}", found.path.display(), found.reason)
    };
    let mut problem = Problem::of_file(path.display().to_string(), what);
    problem.expected("what only root may change");
    let place = found.path.display();
    problem.hint(format!("chown root:root {place} && chmod go-w {place}"));
    Some(problem)
}

/// What lies in a directory; nothing for a file.
fn inside(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_others_may_write_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("10-own.yaml");
        fs::write(&file, "version: 1").unwrap();
        assert_eq!(check([dir.path(), &dir.path().join("none")]), Ok(()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let text = check([dir.path()]).unwrap_err().to_string();
        assert!(text.contains("10-own.yaml: may be written to by others (mode 666)"), "{text}");
        assert!(text.contains("chmod go-w"), "{text}");
    }
}
