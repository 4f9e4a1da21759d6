//! The end of a ledger's file.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
};

use super::{
    chain::{Head, MAX_LINE},
    fault::Fault,
    verify,
};

/// How much of the file's end is verified when it is opened, bytes. The whole is `verify`'s business.
pub const TAIL: u64 = 4 * MAX_LINE as u64;

/// The end of the file, from the start of a line.
pub struct Tail {
    pub start: u64,
    whole: Vec<u8>,
    pub torn: Vec<u8>,
}

impl Tail {
    pub fn read(file: &mut File) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        Self::read_to(file, length)
    }

    /// The end of what was the file when it was `length` bytes long.
    pub fn read_to(file: &File, length: u64) -> io::Result<Self> {
        let from = length.saturating_sub(TAIL);
        let mut bytes = vec![0; usize::try_from(length - from).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, from)?;
        let skipped = match from {
            0 => 0,
            _ => bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1),
        };
        bytes.drain(..skipped);
        let torn = bytes.split_off(whole_lines(&bytes));
        Ok(Self { start: from + skipped as u64, whole: bytes, torn })
    }

    pub fn end(&self) -> u64 {
        self.start + self.whole.len() as u64
    }

    /// The head, where the lines hold together and the last of them ends at `end`.
    pub fn verify_to(&self, end: u64) -> Option<Head> {
        self.verify().ok().filter(|_| self.torn.is_empty() && self.end() == end)
    }

    pub fn verify(&self) -> Result<Head, Vec<Fault>> {
        if self.start == 0 && !verify::continues(&self.whole) {
            return verify::lines(self.whole.as_slice(), Some(Head::START)).map(|summary| summary.head);
        }
        if self.whole.is_empty() {
            return Err(vec![Fault::NoRecord { bytes: TAIL }]);
        }
        verify::lines(self.whole.as_slice(), None).map(|summary| summary.head)
    }
}

/// Length of the lines that are whole. A power cut leaves a line without its end, or zeros where a page of it was not
/// written in time; no record contains either.
fn whole_lines(bytes: &[u8]) -> usize {
    let ended = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes.get(..ended).unwrap_or_default();
    let last = lines.strip_suffix(b"\n").unwrap_or(lines);
    let last_start = last.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if last.get(last_start..).is_some_and(|line| line.contains(&0)) { last_start } else { ended }
}
