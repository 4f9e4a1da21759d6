//! What a file is, by its path.

use super::{
    entry::Entry,
    pattern::Pattern,
    set::{Judged, Secrets},
};
use crate::{
    catalog::{
        homes::{By, InHome, before_snapshot, homes},
        path::{basename, normalise},
    },
    facts::Grade,
};

impl Secrets {
    /// What a file is that the kernel found by name, or `None` when it is no secret after all.
    ///
    /// `home` is the session's home directory, links resolved; `homes.rs` says where others are, and copies of them. What only
    /// looks like a home could be any directory, so there a store of grade A alone counts. A path that is not absolute was
    /// not wholly resolved: then `hint`, the kernel's entry, counts unless an exception says otherwise.
    #[must_use]
    pub fn judge(&self, path: &str, home: Option<&str>, hint: u32) -> Option<Judged<'_>> {
        let path = normalise(path);
        if self.harmless.contains(basename(&path)) {
            return None;
        }
        let homes = homes(&path, home);
        let lived = before_snapshot(&path);
        let public =
            self.except.is_match(&path) || lived.as_ref().is_some_and(|path| self.except.is_match(path));
        let excepted = |entry: &Entry| {
            entry.except.is_match(&path) || homes.iter().any(|found| entry.except.is_match(&found.path))
        };
        let found = self.matches([Some(&path), lived.as_ref()], &homes).into_iter().find(|(pattern, by)| {
            let guessed = pattern.in_home() && *by == By::Guess;
            let doubtful = pattern.anywhere() || (pattern.in_home() && *by != By::Place);
            self.entry(pattern.entry).is_some_and(|entry| {
                let likely = !guessed || entry.grade == Grade::A;
                likely && !(public && doubtful) && !excepted(entry)
            })
        });
        match found {
            Some((pattern, _)) => self.tagged(pattern.entry),
            None if path.starts_with('/') || public => None,
            None => self.entry(hint).filter(|entry| !excepted(entry)).and_then(|_| self.tagged(hint)),
        }
    }

    /// The patterns that one of the path's readings matches, in the file's order, each with the surest way to a home.
    fn matches(&self, absolute: [Option<&String>; 2], homes: &[InHome]) -> Vec<(&Pattern, By)> {
        let absolute = absolute.into_iter().flatten().map(|path| (path, By::Place));
        let readings = absolute.chain(homes.iter().map(|found| (&found.path, found.by)));
        let mut matches: Vec<(usize, By)> = readings
            .flat_map(|(path, by)| self.globs.matches(path).into_iter().map(move |index| (index, by)))
            .collect();
        matches.sort_unstable();
        matches.iter().filter_map(|(index, by)| Some((self.patterns.get(*index)?, *by))).collect()
    }
}
