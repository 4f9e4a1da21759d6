//! The secrets that lie on the disk now, to be tagged by inode.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use globset::{Glob, GlobMatcher};

use super::Secrets;

/// Most files that are returned for one home.
pub const FILES_MAX: usize = 4096;
/// Most directory entries that are looked at for one pattern.
const VISITS_MAX: usize = 16_384;
/// Directories that a `**` descends.
const DEPTH_MAX: usize = 8;

impl Secrets {
    /// Files of `home` and of the system that the catalogue lists at a fixed place, links resolved, with their entry.
    ///
    /// `lookup` gives a variable of the home's owner: the stores that variables move (`KUBECONFIG`, `XDG_CONFIG_HOME`)
    /// are found too. At most [`FILES_MAX`] files; more, and directories too large to search, are logged.
    #[must_use]
    pub fn existing(&self, home: &Path, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<(PathBuf, u32)> {
        let mut found = Found::default();
        let home_text = home.to_str();
        for pattern in self.patterns.iter().filter(|pattern| !pattern.anywhere()) {
            for path in search(&pattern.text, home) {
                let judged = path.to_str().and_then(|path| self.judge(path, home_text, pattern.entry));
                if let Some(judged) = judged {
                    self.keep(&mut found, &path, judged.entry);
                }
            }
        }
        for place in self.moved(lookup).places() {
            for path in search(&place.pattern, home) {
                self.keep(&mut found, &path, place.entry);
            }
        }
        if found.refused > 0 {
            tracing::warn!(home = %home.display(), kept = FILES_MAX, left = found.refused,
                "more secret files than can be tagged by inode; the rest is recognised by name only");
        }
        found.files
    }

    fn keep(&self, found: &mut Found, path: &Path, entry: u32) {
        if self.entry(entry).is_some_and(|entry| entry.watch) {
            found.add(path, entry);
        }
    }
}

#[derive(Default)]
struct Found {
    files: Vec<(PathBuf, u32)>,
    seen: HashSet<PathBuf>,
    refused: usize,
}

impl Found {
    fn add(&mut self, path: &Path, entry: u32) {
        let Ok(path) = path.canonicalize() else { return };
        if !path.is_file() || self.seen.contains(&path) {
            return;
        }
        if self.files.len() >= FILES_MAX {
            self.refused += 1;
            return;
        }
        self.seen.insert(path.clone());
        self.files.push((path, entry));
    }
}

fn search(pattern: &str, home: &Path) -> Vec<PathBuf> {
    let (base, rest) = match pattern.strip_prefix("~/") {
        Some(rest) => (home.to_path_buf(), rest),
        None => (PathBuf::from("/"), pattern.trim_start_matches('/')),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let mut search = Search::default();
    let paths = search.below(base, &parts);
    if search.visits >= VISITS_MAX {
        tracing::warn!(
            pattern,
            looked_at = VISITS_MAX,
            "directory too large to search; its secrets are known by name only"
        );
    }
    paths
}

#[derive(Default)]
struct Search {
    visits: usize,
    depth: usize,
}

impl Search {
    /// Paths below `base` that `parts` match.
    fn below(&mut self, base: PathBuf, parts: &[&str]) -> Vec<PathBuf> {
        match parts {
            [] => vec![base],
            ["**", rest @ ..] => self.descend(&base, rest),
            [part, rest @ ..] if !part.contains(['*', '?', '[']) => {
                let next = base.join(part);
                if next.symlink_metadata().is_ok() { self.below(next, rest) } else { Vec::new() }
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
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
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
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let left = VISITS_MAX.saturating_sub(self.visits);
        let paths: Vec<PathBuf> = entries.take(left).filter_map(|entry| Some(entry.ok()?.path())).collect();
        self.visits += paths.len();
        paths
    }
}
