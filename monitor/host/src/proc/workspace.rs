//! The directory tree that a session works in, and the other trees of the same project.

mod git;
mod monorepo;

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::root::SessionRoot;

/// Directories looked at upwards from the working directory.
const DEPTH_MAX: usize = 64;

/// What version control systems leave at the root of what they keep.
const DIRECTORIES: [&str; 6] = [".jj", ".hg", ".sl", ".pijul", ".bzr", ".svn"];
const FILES: [&str; 2] = [".fslckout", "_FOSSIL_"];

/// A session's own ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub root: PathBuf,
    /// Roots of the same project's other trees: a worktree's main tree and its other worktrees.
    pub project: Vec<PathBuf>,
}

/// Where a session is looked for its workspace.
pub struct Ground<'a> {
    pub files: &'a SessionRoot,
    /// Never a workspace, nor is anything above.
    pub homes: &'a [PathBuf],
    /// The session's user, in the daemon's numbers.
    pub user: u32,
}

/// The workspace of a session whose root runs in `cwd`, links resolved.
///
/// It is the nearest directory upwards that a version control system keeps; of a git submodule the project that it is part
/// of. Without one it is the widest part of a monorepo (`pnpm-workspace.yaml`, `go.work`, …) below the home, else `cwd`.
///
/// It is never `/`, and never a home or anything above it: a person who starts an agent in the home directory, or keeps
/// the home directory in git, has not handed over every credential in it. Nor is it widened to a directory of another user,
/// or one that anybody writes to. `None` means that the workspace is unknown, and then every secret is foreign.
#[must_use]
pub fn workspace(ground: &Ground<'_>, cwd: &Path) -> Option<Workspace> {
    if ground.is_too_wide(cwd) {
        return None;
    }
    let owner = ground.files.directory(cwd)?.owner;
    let upwards: Vec<PathBuf> = ground.upwards(cwd, owner).collect();
    let kept = upwards.iter().find(|path| ground.is_kept(path)).cloned();
    let Some(mut root) = kept else {
        let root = monorepo::widest(ground, &upwards).unwrap_or_else(|| cwd.to_path_buf());
        return Some(Workspace { root, project: Vec::new() });
    };
    // Subversion before 1.7 kept every directory by itself.
    while let Some(parent) = root.parent().filter(|parent| {
        upwards.iter().any(|path| path == parent)
            && ground.is_directory(&parent.join(".svn"))
            && ground.is_directory(&root.join(".svn"))
    }) {
        root = parent.to_path_buf();
    }
    let root = git::outermost(ground, root, owner);
    let project = git::other_trees(ground, &root, owner);
    Some(Workspace { root, project })
}

impl Ground<'_> {
    fn is_too_wide(&self, path: &Path) -> bool {
        !path.is_absolute() || path.parent().is_none() || self.homes.iter().any(|home| home.starts_with(path))
    }

    /// The directory and those above it, as far as they can be a workspace.
    fn upwards(&self, from: &Path, owner: u32) -> impl Iterator<Item = PathBuf> {
        from.ancestors()
            .take(DEPTH_MAX)
            .take_while(|path| !self.is_too_wide(path))
            .enumerate()
            .filter(move |(steps, path)| *steps == 0 || self.is_trusted(path, owner))
            .map(|(_, path)| path.to_path_buf())
    }

    /// What another user put there says nothing about this one's files; `owner` has the working directory.
    fn is_trusted(&self, directory: &Path, owner: u32) -> bool {
        let known = [owner, self.user, 0];
        self.files.directory(directory).is_some_and(|found| known.contains(&found.owner) && !found.shared)
    }

    fn is_kept(&self, directory: &Path) -> bool {
        git::is_root(self, directory)
            || DIRECTORIES.iter().any(|name| self.is_directory(&directory.join(name)))
            || FILES.iter().any(|name| self.is_file(&directory.join(name)))
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.files.kind(path) == Some(FileType::Directory)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.kind(path) == Some(FileType::RegularFile)
    }
}

#[cfg(test)]
mod tests;
