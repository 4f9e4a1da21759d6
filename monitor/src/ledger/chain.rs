//! How records are chained.
//!
//! A line is one JSON object whose last member is `hash`. The hash covers the line's own bytes before `,"hash":`, and
//! these contain the hash of the line before as `prev`. So no canonical form has to be agreed upon, and `b3sum` can
//! check a line.

use std::{fmt, fs::File, io, os::unix::fs::FileExt as _};

use blake3::Hash;
use serde::{Deserialize, Serialize};

use super::record::Record;

/// Longest record, bytes, with its line's end: evidence is a summary, not a dump.
pub const MAX_LINE: usize = 256 * 1024;

const HASH_MEMBER: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";
/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;
/// What a line ends with: its hash, and its own end.
const LINE_END: usize = HASH_MEMBER.len() + DIGITS + END.len() + 1;

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; the first has 1.
    pub seq: u64,
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { seq: 0, hash: Hash::from_bytes([0; 32]) };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A record in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Link {
    pub seq: u64,
    #[serde(flatten)]
    pub record: Record,
    /// Hash of the record before, hexadecimal; zeros in the first.
    pub prev: String,
}

impl Link {
    /// The line that puts `record` after `head`, with its end, and the head that it makes.
    pub(super) fn after(head: Head, record: Record) -> io::Result<(Vec<u8>, Head)> {
        let link = Self { seq: head.seq + 1, record, prev: head.hash.to_string() };
        let mut line = serde_json::to_vec(&link)?;
        line.pop(); // the closing brace
        let hash = blake3::hash(&line);
        line.extend_from_slice(HASH_MEMBER);
        line.extend_from_slice(hash.to_hex().as_bytes());
        line.extend_from_slice(END);
        line.push(b'\n');
        Ok((line, Head { seq: link.seq, hash }))
    }

    /// Reads a line (without its end): the record, the hash it states, and the hash its bytes have.
    pub(super) fn read(line: &[u8]) -> Result<(Self, Hash, Hash), String> {
        let without_end = line.strip_suffix(END).ok_or("it does not end with a hash")?;
        let split = without_end.len().checked_sub(DIGITS).ok_or("it is too short")?;
        let (rest, digits) = without_end.split_at(split);
        let stated = Hash::from_hex(digits).map_err(|error| format!("its hash is not one: {error}"))?;
        if stated.to_hex().as_bytes() != digits {
            return Err("its hash is not written in lower case".to_owned());
        }
        let covered = rest.strip_suffix(HASH_MEMBER).ok_or("its last member is not a hash")?;
        let object = [covered, b"}"].concat();
        let link = serde_json::from_slice(&object).map_err(|error| format!("it is not a record: {error}"))?;
        Ok((link, stated, blake3::hash(covered)))
    }
}

/// Whether the line that ends at `end` states this hash.
pub(super) fn ends_with(file: &File, end: u64, hash: Hash) -> io::Result<bool> {
    let Some(start) = end.checked_sub(LINE_END as u64) else { return Ok(false) };
    let mut found = [0; LINE_END];
    match file.read_exact_at(&mut found, start) {
        Ok(()) => Ok(found[..] == [HASH_MEMBER, hash.to_hex().as_bytes(), END, b"\n"].concat()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
