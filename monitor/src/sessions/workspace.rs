//! The directory tree that a session works in.

use std::path::{Path, PathBuf};

/// Directories looked at upwards from the working directory.
const DEPTH_MAX: usize = 64;

/// The workspace of a session whose root runs in `cwd`: the nearest directory upwards that holds `.git` (a directory, or
/// the file of a worktree or submodule), else `cwd` itself.
///
/// It is never `/`, and never `home` or anything above it: a person who starts an agent in the home directory, or keeps
/// the home directory in git, has not handed over every credential in it. `None` means that the workspace is unknown, and
/// then every secret is foreign. Both paths are expected with links resolved.
#[must_use]
pub fn workspace(cwd: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let too_wide = |path: &Path| path.parent().is_none() || home.is_some_and(|home| home.starts_with(path));
    if !cwd.is_absolute() || too_wide(cwd) {
        return None;
    }
    let root = cwd
        .ancestors()
        .take(DEPTH_MAX)
        .take_while(|path| !too_wide(path))
        .find(|path| path.join(".git").symlink_metadata().is_ok_and(|git| git.is_dir() || git.is_file()));
    Some(root.unwrap_or(cwd).to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_git_root_is_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path();
        let nested = home.join("shop/api/src");
        fs::create_dir_all(&nested).unwrap();
        fs::create_dir(home.join("shop/.git")).unwrap();
        assert_eq!(workspace(&nested, Some(home)), Some(home.join("shop")));
        fs::write(home.join("shop/api/.git"), "gitdir: ../.git/modules/api").unwrap();
        assert_eq!(workspace(&nested, Some(home)), Some(home.join("shop/api")));
    }

    #[test]
    fn without_git_it_is_the_working_directory() {
        let place = tempfile::tempdir().unwrap();
        let nested = place.path().join("notes/today");
        fs::create_dir_all(&nested).unwrap();
        assert_eq!(workspace(&nested, Some(place.path())), Some(nested));
    }

    #[test]
    fn a_home_in_git_widens_nothing() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path();
        fs::create_dir(home.join(".git")).unwrap();
        fs::create_dir(home.join("notes")).unwrap();
        assert_eq!(workspace(&home.join("notes"), Some(home)), Some(home.join("notes")));
    }

    #[test]
    fn a_home_or_the_root_is_no_workspace() {
        let home = Path::new("/home/ann");
        for wide in ["/", "/home", "/home/ann", "relative"] {
            assert_eq!(workspace(Path::new(wide), Some(home)), None, "{wide}");
        }
        assert_eq!(workspace(Path::new("/"), None), None);
    }
}
