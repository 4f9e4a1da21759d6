//! Where stores lie: the places to look at, and what a file is that was found at one.

use std::path::PathBuf;

use super::{moved::Moved, set::Secrets};

/// A place that stores lie at: `~/…` or `/…`, with globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlace {
    pub pattern: String,
    entry: u32,
    /// A variable of the session put it there.
    pub moved: bool,
}

impl Secrets {
    /// Every fixed place of the catalogue, then those that variables moved stores to.
    #[must_use]
    pub fn places(&self, moved: &Moved) -> Vec<StorePlace> {
        let fixed = self.patterns.iter().filter(|pattern| !pattern.anywhere());
        let fixed = fixed.map(|pattern| (&pattern.text, pattern.entry, false));
        let moved = moved.places().iter().map(|place| (&place.pattern, place.entry, true));
        let place = |(pattern, entry, moved): (&String, u32, bool)| StorePlace {
            pattern: pattern.clone(),
            entry,
            moved,
        };
        fixed.chain(moved).map(place).collect()
    }

    /// The entry of a file that was found at one of the [`Secrets::places`]; `None` where it is no secret after all, or one
    /// that is not followed. `homes` are the session's, links resolved.
    #[must_use]
    pub fn found_at(&self, place: &StorePlace, path: &str, homes: &[PathBuf]) -> Option<u32> {
        let entry = if place.moved {
            place.entry
        } else {
            let home = homes.iter().filter_map(|home| home.to_str()).find(|home| path.starts_with(home));
            self.judge(path, home, place.entry)?.entry
        };
        self.entry(entry).filter(|entry| entry.watch).map(|_| entry)
    }
}
