//! The stores that lie on the disk now, as a session sees it, to be tagged by their inodes.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use globset::{Glob, GlobMatcher};
use rustix::fs::FileType;

use super::root::SessionRoot;
use crate::probes::inode::Anchor;
use interlock_core::catalog::secrets::StorePlace;

/// Most files that are kept for one session.
pub const FILES_MAX: usize = 4096;
/// Most directory entries that are looked at for one pattern.
const VISITS_MAX: usize = 16_384;
/// Directories that a `**` descends.
const DEPTH_MAX: usize = 8;

/// A file at one of the places.
#[derive(Debug)]
pub struct Store {
    /// As it was found, and with links resolved.
    pub found: PathBuf,
    pub path: PathBuf,
    pub place: StorePlace,
    pub anchor: Anchor,
}

/// The files at `places`, in their order; one that several names lead to is there several times. At most [`FILES_MAX`]; more, and directories too large to search, are
/// logged.
#[must_use]
pub fn stores(root: &SessionRoot, homes: &[PathBuf], places: &[StorePlace]) -> Vec<Store> {
    let mut kept = Kept { root, stores: Vec::new(), seen: HashSet::new(), refused: 0 };
    for place in places {
        let Some(below) = place.pattern.strip_prefix("~/") else {
            kept.search(Path::new("/"), place.pattern.trim_start_matches('/'), place);
            continue;
        };
        homes.iter().for_each(|home| kept.search(home, below, place));
    }
    if kept.refused > 0 {
        tracing::warn!(
            ?homes,
            kept = FILES_MAX,
            left = kept.refused,
            "more secret files than can be tagged by inode; the rest is recognised by name only"
        );
    }
    kept.stores
}

struct Kept<'a> {
    root: &'a SessionRoot,
    stores: Vec<Store>,
    seen: HashSet<(PathBuf, bool)>,
    refused: usize,
}

impl Kept<'_> {
    fn search(&mut self, base: &Path, below: &str, place: &StorePlace) {
        let parts: Vec<&str> = below.split('/').collect();
        let mut search = Search { root: self.root, visits: 0, depth: 0 };
        let found = search.below(base.to_path_buf(), &parts);
        if search.visits >= VISITS_MAX {
            tracing::warn!(
                pattern = place.pattern,
                looked_at = VISITS_MAX,
                "directory too large to search; its secrets are known by name only"
            );
        }
        for path in found {
            self.keep(path, place);
        }
    }

    fn keep(&mut self, found: PathBuf, place: &StorePlace) {
        let Ok(file) = self.root.find(&found) else { return };
        if file.kind != FileType::RegularFile || !self.seen.insert((found.clone(), place.moved)) {
            return;
        }
        if self.stores.len() >= FILES_MAX {
            self.refused += 1;
            return;
        }
        let Ok(anchor) = self.root.anchor(&file) else { return }; // gone meanwhile; its name still matches
        self.stores.push(Store { found, path: file.path, place: place.clone(), anchor });
    }
}

struct Search<'a> {
    root: &'a SessionRoot,
    visits: usize,
    depth: usize,
}

impl Search<'_> {
    /// Paths below `base` that `parts` match.
    fn below(&mut self, base: PathBuf, parts: &[&str]) -> Vec<PathBuf> {
        match parts {
            [] => vec![base],
            ["**", rest @ ..] => self.descend(&base, rest),
            [part, rest @ ..] if !part.contains(['*', '?', '[']) => {
                // What is plain is looked at in one step, up to the next pattern.
                let plain = 1 + rest.iter().take_while(|part| !part.contains(['*', '?', '['])).count();
                let (steps, rest) = parts.split_at(plain);
                let next = steps.iter().fold(base, |path, step| path.join(step));
                if self.root.kind(&next).is_some() { self.below(next, rest) } else { Vec::new() }
            }
            [part, rest @ ..] => match Glob::new(part).map(|glob| glob.compile_matcher()) {
                Ok(glob) => {
                    self.children(&base, &glob).into_iter().flat_map(|path| self.below(path, rest)).collect()
                }
                Err(_) => Vec::new(),
            },
        }
    }

    fn children(&mut self, directory: &Path, glob: &GlobMatcher) -> Vec<PathBuf> {
        self.list(directory)
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| glob.is_match(name)))
            .collect()
    }

    /// `rest` here and in every directory below; without a rest, every file. Links are not followed: they could lead round
    /// in circles.
    fn descend(&mut self, directory: &Path, rest: &[&str]) -> Vec<PathBuf> {
        let mut paths = if rest.is_empty() { Vec::new() } else { self.below(directory.to_path_buf(), rest) };
        if self.depth >= DEPTH_MAX {
            return paths;
        }
        for path in self.list(directory) {
            if self.root.kind(&path) == Some(FileType::Directory) {
                self.depth += 1;
                paths.extend(self.descend(&path, rest));
                self.depth -= 1;
            } else if rest.is_empty() {
                paths.push(path);
            }
        }
        paths
    }

    fn list(&mut self, directory: &Path) -> Vec<PathBuf> {
        let entries = self.root.entries(directory, VISITS_MAX.saturating_sub(self.visits));
        self.visits += entries.len();
        entries
    }
}

#[cfg(test)]
mod tests;
