//! What is still to be told, on disk: a file for each letter, so that a daemon that is killed finds them again.
//!
//! A letter is one matter at one target: what the person there should see (`wanted`), and what was told of it (`sent`). A hold that is
//! decided before it was told is told once, as what it became. Bounded in number and in bytes.

mod letter;
mod store;

use std::{collections::BTreeMap, io, path::Path};

pub use self::letter::Letter;
use self::store::Store;

/// Letters at once, of all targets.
const LETTERS: usize = 512;
/// What they may have on disk, bytes.
const BYTES: u64 = 4 << 20;

pub struct Outbox {
    letters: BTreeMap<u64, Kept>,
    next: u64,
    bytes: u64,
    store: Store,
}

struct Kept {
    letter: Letter,
    bytes: u64,
}

impl Outbox {
    /// Reads what an earlier daemon left in `dir`.
    ///
    /// # Errors
    /// The directory cannot be made, or listed.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let (store, found) = Store::open(dir)?;
        let next = found.iter().map(|(letter, _)| letter.number + 1).max().unwrap_or(1);
        let bytes = found.iter().map(|(_, bytes)| bytes).sum();
        let kept = |(letter, bytes): (Letter, u64)| (letter.number, Kept { letter, bytes });
        Ok(Self { letters: found.into_iter().map(kept).collect(), next, bytes, store })
    }

    pub fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.values().map(|kept| &kept.letter)
    }

    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Letter> {
        self.letters.get(&number).map(|kept| &kept.letter)
    }

    /// Adds a letter under the next number; returns what made room for it.
    pub fn add(&mut self, mut letter: Letter) -> Vec<Letter> {
        letter.number = self.next;
        self.next += 1;
        let mut gone = Vec::new();
        while self.letters.len() >= LETTERS || self.bytes >= BYTES {
            let Some(oldest) = self.least_missed() else { break };
            gone.extend(self.remove(oldest));
        }
        self.put(letter);
        gone
    }

    /// Changes a letter, and what is kept of it.
    pub fn change(&mut self, number: u64, change: impl FnOnce(&mut Letter)) {
        let Some(Kept { mut letter, bytes }) = self.letters.remove(&number) else { return };
        self.bytes -= bytes;
        change(&mut letter);
        self.put(letter);
    }

    pub fn remove(&mut self, number: u64) -> Option<Letter> {
        let Kept { letter, bytes } = self.letters.remove(&number)?;
        self.bytes -= bytes;
        self.store.remove(number);
        Some(letter)
    }

    /// Letters that are only in memory, because they could not be written.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.store.failed()
    }

    fn put(&mut self, letter: Letter) {
        let bytes = self.store.write(&letter);
        self.bytes += bytes;
        self.letters.insert(letter.number, Kept { letter, bytes });
    }

    /// The oldest that nobody has to answer; where there is none, the oldest.
    fn least_missed(&self) -> Option<u64> {
        let plain = self.letters().find(|letter| !letter.notice.waits());
        plain.or_else(|| self.letters().next()).map(|letter| letter.number)
    }
}

#[cfg(test)]
mod tests;
