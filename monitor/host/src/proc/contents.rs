//! Whether a file holds something of a credential that was read earlier.
//!
//! Of a credential only keyed fingerprints of its words are kept, in memory, under a key that is made at each start: what they
//! came from can't be told from them. A word is what a token looks like: at least `WORD_MIN` characters that no format
//! uses to part words, letters and digits among them. A copy that was encoded, encrypted or cut is not found.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    io,
    path::{Path, PathBuf},
};

use super::{aside, root::SessionRoot};

const WORD_MIN: usize = 12;
/// Fingerprints of one catalogue entry; what came first stays.
const WORDS_MAX: usize = 4_096;
/// Of a file so much is looked at, bytes.
const LOOKED_AT: u64 = 4 << 20;

/// Fingerprints of the credentials that sessions have read, by catalogue entry.
#[derive(Debug, Default)]
pub struct Fingerprints {
    key: RandomState,
    entries: HashMap<String, HashSet<u64>>,
}

impl Fingerprints {
    /// Remembers a credential's text.
    pub fn learn(&mut self, entry: &str, text: &[u8]) {
        let Self { key, entries } = self;
        let known = entries.entry(entry.to_owned()).or_default();
        let room = WORDS_MAX.saturating_sub(known.len());
        known.extend(words(text).map(|word| key.hash_one(word)).take(room));
    }

    /// Whether the text holds a word of that entry's credentials; `None` where none of them is known.
    #[must_use]
    pub fn are_in(&self, entry: &str, text: &[u8]) -> Option<bool> {
        let known = self.entries.get(entry).filter(|known| !known.is_empty())?;
        Some(words(text).any(|word| known.contains(&self.key.hash_one(word))))
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/".contains(byte);
    text.split(move |byte| !is_part(byte)).filter(|word| {
        word.len() >= WORD_MIN
            && word.iter().any(u8::is_ascii_digit)
            && word.iter().any(u8::is_ascii_alphabetic)
    })
}

/// The begin of the regular file at `path`, as one of `viewers` sees it.
///
/// # Errors
/// There is none, or its file system does not answer in time ([`aside`]).
pub fn read(viewers: Vec<u32>, path: PathBuf) -> io::Result<Vec<u8>> {
    aside::look(move || look(&viewers, &path)).unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

fn look(viewers: &[u32], path: &Path) -> io::Result<Vec<u8>> {
    let read = |pid: &u32| SessionRoot::of(*pid)?.begin(path, LOOKED_AT);
    let mut found = viewers.iter().map(read);
    let first = found.next().unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
    first.or_else(|error| found.find_map(Result::ok).ok_or(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_whatever_stands_around_it() {
        let mut known = Fingerprints::default();
        known.learn("railway", br#"{"user":{"token":"not-real-0000"}}"#);
        for copy in ["not-real-0000", "T=not-real-0000\n", "Bearer not-real-0000;", "x: 'not-real-0000'"] {
            assert_eq!(known.are_in("railway", copy.as_bytes()), Some(true), "{copy}");
        }
        for other in ["", "not-real-0001", "user token", "not-real-00000"] {
            assert_eq!(known.are_in("railway", other.as_bytes()), Some(false), "{other}");
        }
    }

    #[test]
    fn words_that_every_file_has_are_no_tokens() {
        let mut known = Fingerprints::default();
        known.learn(
            "aws",
            b"[default]\nregion = configuration-of-something\naws_access_key_id = AKIAFAKE0000",
        );
        assert_eq!(known.are_in("aws", b"configuration-of-something 123456789012345"), Some(false));
        assert_eq!(known.are_in("aws", b"AKIAFAKE0000"), Some(true));
    }

    #[test]
    fn of_what_nobody_has_read_nothing_is_said() {
        let mut known = Fingerprints::default();
        assert_eq!(known.are_in("aws", b"AKIAFAKE0000"), None);
        known.learn("aws", b"short");
        assert_eq!(known.are_in("aws", b"AKIAFAKE0000"), None, "no word of it is a token");
    }

    #[test]
    fn a_file_is_read_and_anything_else_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        let (file, own) = (place.path().join("a"), std::process::id());
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read(vec![own], file.clone()).unwrap(), b"text");
        assert_eq!(read(vec![u32::MAX, own], file).unwrap(), b"text", "the next one sees it");
        assert!(read(vec![own], place.path().to_owned()).is_err());
        assert!(read(Vec::new(), place.path().join("a")).is_err());
    }
}
