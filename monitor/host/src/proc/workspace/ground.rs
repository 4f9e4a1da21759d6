//! Where a session is looked for its workspace, and what of it counts.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::proc::root::SessionRoot;

/// Directories looked at upwards from the working directory.
const DEPTH_MAX: usize = 64;

/// Where a session is looked for its workspace.
pub struct Ground<'a> {
    pub files: &'a SessionRoot,
    /// Never a workspace, nor is anything above.
    pub homes: &'a [PathBuf],
    /// The session's user, in the daemon's numbers.
    pub user: u32,
}

impl Ground<'_> {
    /// Whether it is no path, the root, a home, or above one.
    pub fn is_too_wide(&self, path: &Path) -> bool {
        !path.is_absolute() || path.parent().is_none() || self.homes.iter().any(|home| home.starts_with(path))
    }

    /// The directory and those above it, as far as they can be a workspace.
    pub fn upwards(&self, from: &Path, owner: u32) -> impl Iterator<Item = PathBuf> {
        from.ancestors()
            .take(DEPTH_MAX)
            .take_while(|path| !self.is_too_wide(path))
            .enumerate()
            .filter(move |(steps, path)| *steps == 0 || self.is_trusted(path, owner))
            .map(|(_, path)| path.to_path_buf())
    }

    /// What another user put there says nothing about this one's files; `owner` has the working directory.
    pub fn is_trusted(&self, directory: &Path, owner: u32) -> bool {
        let known = [owner, self.user, 0];
        self.files.directory(directory).is_some_and(|found| known.contains(&found.owner) && !found.shared)
    }

    /// A directory itself stands there, no link to one.
    pub fn is_directory(&self, path: &Path) -> bool {
        self.files.kind(path) == Some(FileType::Directory)
    }

    /// A regular file itself stands there, no link to one.
    pub fn is_file(&self, path: &Path) -> bool {
        self.files.kind(path) == Some(FileType::RegularFile)
    }
}
