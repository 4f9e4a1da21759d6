//! Git's trees: worktrees and submodules point to each other, and only what points back is believed.
//!
//! A `.git` file is a line of text that whoever works in the directory may write, so it proves nothing alone: a session
//! could prepare it for the next one. The other end lies in the repository that it names, outside of the tree.

use std::path::{Path, PathBuf};

use super::ground::Ground;

/// Most bytes of git's own small files, and of `.gitmodules` and a repository's `config`.
const LINE_MAX: u64 = 4096;
const TEXT_MAX: u64 = 1 << 20;
/// Submodules within each other.
const NESTED_MAX: usize = 8;
/// Worktrees of one repository that are looked at.
const WORKTREES_MAX: usize = 64;

/// Whether git keeps the directory: `.git` is its repository, or the file of a worktree or submodule.
pub fn is_root(ground: &Ground<'_>, directory: &Path) -> bool {
    let git = directory.join(".git");
    ground.is_directory(&git) || ground.is_file(&git)
}

/// The project that a submodule is part of, or the tree itself.
pub fn outermost(ground: &Ground<'_>, tree: PathBuf, owner: u32) -> PathBuf {
    let mut outermost = tree;
    for _ in 0..NESTED_MAX {
        let above = outermost.parent().and_then(|parent| {
            ground.upwards(parent, owner).find(|path| is_root(ground, path) && ground.is_trusted(path, owner))
        });
        match above.filter(|above| is_submodule(ground, &outermost, above)) {
            Some(above) => outermost = above,
            None => break,
        }
    }
    outermost
}

/// Whether `above` says that `tree` is a submodule of it.
fn is_submodule(ground: &Ground<'_>, tree: &Path, above: &Path) -> bool {
    let Some(repository) = linked(ground, tree) else {
        // With a repository of its own, as git before 1.7.8 made them, and as `git submodule add` takes one that is there.
        return ground.is_directory(&tree.join(".git")) && lists(ground, tree, above);
    };
    let modules = repository_of(ground, above).map(|repository| repository.join("modules"));
    modules.is_some_and(|modules| repository.starts_with(modules))
        && work_tree(ground, &repository).as_deref() == Some(tree)
}

fn lists(ground: &Ground<'_>, tree: &Path, above: &Path) -> bool {
    let Ok(below) = tree.strip_prefix(above) else { return false };
    let modules = ground.files.text(&above.join(".gitmodules"), TEXT_MAX).unwrap_or_default();
    values(&modules, "path").any(|path| Path::new(path) == below)
}

/// The trees beside `tree` that its repository was checked out into: the main one and all worktrees.
pub fn other_trees(ground: &Ground<'_>, tree: &Path, owner: u32) -> Vec<PathBuf> {
    let Some(common) = common(ground, tree) else { return Vec::new() };
    let mut trees: Vec<PathBuf> = main_tree(ground, &common).into_iter().collect();
    for worktree in ground.files.entries(&common.join("worktrees"), WORKTREES_MAX) {
        trees.extend(tree_of(ground, &worktree));
    }
    trees.retain(|other| {
        !other.starts_with(tree) && !ground.is_too_wide(other) && ground.is_trusted(other, owner)
    });
    trees.sort();
    trees.dedup();
    trees
}

/// The repository that the tree shares with the project's other trees.
fn common(ground: &Ground<'_>, tree: &Path) -> Option<PathBuf> {
    let Some(repository) = linked(ground, tree) else { return repository_of(ground, tree) };
    let Some(common) = line(ground, &repository.join("commondir")) else {
        // A submodule's: what it is part of has been found already.
        return (work_tree(ground, &repository).as_deref() == Some(tree)).then_some(repository);
    };
    let common = resolved(ground, &repository, &common)?;
    let is_listed = repository.parent() == Some(&*common.join("worktrees"));
    (is_listed && tree_of(ground, &repository).as_deref() == Some(tree)).then_some(common)
}

/// The tree that a repository itself is checked out into; a bare one has none.
fn main_tree(ground: &Ground<'_>, common: &Path) -> Option<PathBuf> {
    let parent = common.parent().filter(|_| common.file_name().is_some_and(|name| name == ".git"));
    let tree = work_tree(ground, common).or_else(|| parent.map(Path::to_path_buf))?;
    (repository_of(ground, &tree)? == common).then_some(tree)
}

/// The worktree that `COMMON/worktrees/NAME` is of, if that says the same.
fn tree_of(ground: &Ground<'_>, repository: &Path) -> Option<PathBuf> {
    let git = line(ground, &repository.join("gitdir"))?;
    let tree = resolved(ground, repository, Path::new(&git).parent()?.to_str()?)?;
    (linked(ground, &tree)? == repository).then_some(tree)
}

/// `core.worktree` of a repository that lies elsewhere than its tree.
fn work_tree(ground: &Ground<'_>, repository: &Path) -> Option<PathBuf> {
    let config = ground.files.text(&repository.join("config"), TEXT_MAX)?;
    let tree = values(&config, "worktree").next()?;
    resolved(ground, repository, tree)
}

fn repository_of(ground: &Ground<'_>, tree: &Path) -> Option<PathBuf> {
    let git = tree.join(".git");
    if ground.is_directory(&git) { Some(git) } else { linked(ground, tree) }
}

/// What the tree's `.git` file names: `gitdir: PATH`.
fn linked(ground: &Ground<'_>, tree: &Path) -> Option<PathBuf> {
    let git = tree.join(".git");
    let line = ground.is_file(&git).then(|| line(ground, &git))??;
    resolved(ground, tree, line.strip_prefix("gitdir:")?.trim())
}

fn line(ground: &Ground<'_>, path: &Path) -> Option<String> {
    Some(ground.files.text(path, LINE_MAX)?.trim_end().to_owned())
}

fn resolved(ground: &Ground<'_>, from: &Path, path: &str) -> Option<PathBuf> {
    Some(ground.files.directory(&from.join(path))?.path)
}

/// Values of a key in git's configuration, wherever it stands: `path = libs/one`.
fn values<'a>(config: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    config.lines().filter_map(move |line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().trim_matches('"'))
    })
}
