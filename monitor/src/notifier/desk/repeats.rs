//! Repeats: what was told a moment ago is not told again at once, so that many become one.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

/// For how long what is the same is counted before it is told again.
const WINDOW: Duration = Duration::from_secs(60);
/// Matters that are remembered.
const MATTERS: usize = 256;

#[derive(Debug, Default)]
pub struct Repeats(VecDeque<(String, String, Timestamp)>);

impl Repeats {
    pub fn told(&mut self, target: &str, key: String, now: Timestamp) {
        self.0.retain(|(of, known, _)| of != target || *known != key);
        if self.0.len() == MATTERS {
            self.0.pop_front();
        }
        self.0.push_back((target.to_owned(), key, now));
    }

    /// When the same may be told again: at once, where it was not told of late.
    #[must_use]
    pub fn not_before(&self, target: &str, key: &str, now: Timestamp) -> Timestamp {
        let last = self.0.iter().find(|(of, known, _)| of == target && known == key);
        let again = last.and_then(|(_, _, at)| at.checked_add(WINDOW).ok());
        again.unwrap_or(now).max(now)
    }
}
