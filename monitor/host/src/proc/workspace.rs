//! The directory tree that a session works in, and the other trees of the same project.

mod git;
mod ground;
mod monorepo;

use std::path::{Path, PathBuf};

pub use self::ground::Ground;

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
    let kept = upwards.iter().find(|path| is_kept(ground, path)).cloned();
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

fn is_kept(ground: &Ground<'_>, directory: &Path) -> bool {
    git::is_root(ground, directory)
        || DIRECTORIES.iter().any(|name| ground.is_directory(&directory.join(name)))
        || FILES.iter().any(|name| ground.is_file(&directory.join(name)))
}

#[cfg(test)]
mod tests;
