//! Checks a whole ledger, in one file or in several, and reports everything that does not hold.

use interlock_core::record::Kind;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::chain::{Head, Link, MAX_LINE};

/// Faults that are listed; a file of another kind would give one a line.
pub const MAX_FAULTS: usize = 100;

/// A ledger that holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub records: u64,
    /// Compare it with a head that was kept elsewhere: only that shows a cut at the very end.
    pub head: Head,
}

/// One thing that does not hold. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the ledger cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("{}: {fault}", path.display())]
    In { path: PathBuf, fault: Box<Self> },
    #[error(
        "line {line} (record {seq}) goes on with a ledger whose files before it are missing here: give all of them, \
         oldest first"
    )]
    Continues { line: u64, seq: u64 },
    #[error("line {line} cannot be read as a record: {reason}")]
    Malformed { line: u64, reason: String },
    #[error("line {line} (record {seq}) was edited: its hash does not fit its content")]
    Edited { line: u64, seq: u64 },
    #[error(
        "line {line} has record {found} where record {expected} was expected: records were cut out, added or moved"
    )]
    OutOfOrder { line: u64, expected: u64, found: u64 },
    #[error(
        "line {line} (record {seq}) does not follow the line before it: its `prev` is the hash of another record"
    )]
    NotLinked { line: u64, seq: u64 },
    #[error("line {line} has no end: the writer was interrupted, or the file was cut there")]
    Torn { line: u64 },
    #[error("the last {bytes} bytes hold no record")]
    NoRecord { bytes: u64 },
    #[error("there are more faults than {MAX_FAULTS}, and the rest is not listed")]
    More,
}

/// Reads the ledger at `path` from its first record to its last.
///
/// # Errors
/// Everything that does not hold, in the order of the file.
pub fn verify(path: &Path) -> Result<Summary, Vec<Fault>> {
    verify_all(&[path])
}

/// Reads a ledger that was rotated: the files in the order in which they were written, as one chain.
///
/// # Errors
/// Everything that does not hold, in the order of the files; each with its file, where there are several.
pub fn verify_all(paths: &[&Path]) -> Result<Summary, Vec<Fault>> {
    let mut check = Check::after(Some(Head::START));
    for path in paths {
        let before = check.faults.len();
        check.line = 0;
        match File::open(path) {
            Ok(file) => check.read(BufReader::new(file)),
            Err(error) => check.faults.push(Fault::Unreadable(error)),
        }
        if paths.len() > 1 {
            let found = check.faults.split_off(before);
            let located = |fault| Fault::In { path: (*path).to_owned(), fault: Box::new(fault) };
            check.faults.extend(found.into_iter().map(located));
        }
        if check.is_full() {
            break;
        }
    }
    check.finish()
}

/// Whether the first of these lines goes on with the chain of an earlier file.
pub(super) fn continues(lines: &[u8]) -> bool {
    let first = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Link::read(first).is_ok_and(|(link, ..)| link.record.kind == Kind::Rotate)
}

/// Checks lines that follow `head`, or that begin anywhere where it is `None`.
pub(super) fn lines(input: impl BufRead, head: Option<Head>) -> Result<Summary, Vec<Fault>> {
    let mut check = Check::after(head);
    check.read(input);
    check.finish()
}

struct Check {
    line: u64,
    records: u64,
    /// What the next record must follow; `None` where that is not known.
    head: Option<Head>,
    faults: Vec<Fault>,
}

impl Check {
    fn after(head: Option<Head>) -> Self {
        Self { line: 0, records: 0, head, faults: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.faults.len() >= MAX_FAULTS
    }

    fn read(&mut self, mut input: impl BufRead) {
        let mut line = Vec::new();
        while !self.is_full() {
            line.clear();
            match (&mut input).take(MAX_LINE as u64).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => self.next(&line),
                Err(error) => {
                    self.faults.push(Fault::Unreadable(error));
                    break;
                }
            }
        }
    }

    fn finish(mut self) -> Result<Summary, Vec<Fault>> {
        if self.is_full() {
            self.faults.push(Fault::More);
        }
        if self.faults.is_empty() {
            Ok(Summary { records: self.records, head: self.head.unwrap_or(Head::START) })
        } else {
            Err(self.faults)
        }
    }

    fn next(&mut self, bytes: &[u8]) {
        self.line += 1;
        let line = self.line;
        let Some(bytes) = bytes.strip_suffix(b"\n") else {
            self.faults.push(Fault::Torn { line });
            return;
        };
        match Link::read(bytes) {
            Ok((link, stated, actual)) => {
                let seq = link.seq;
                if stated != actual {
                    self.faults.push(Fault::Edited { line, seq });
                }
                self.compare(&link);
                // The stated hash, so that one edit is one fault and does not spread over the rest.
                self.head = Some(Head { seq, hash: stated });
                self.records += 1;
            }
            Err(reason) => {
                self.faults.push(Fault::Malformed { line, reason });
                self.head = None;
            }
        }
    }

    fn compare(&mut self, link: &Link) {
        let Some(head) = self.head else { return };
        let (line, seq) = (self.line, link.seq);
        if head == Head::START && seq > 1 && link.record.kind == Kind::Rotate {
            self.faults.push(Fault::Continues { line, seq });
        } else if head.seq.checked_add(1) != Some(seq) {
            let expected = head.seq.saturating_add(1);
            self.faults.push(Fault::OutOfOrder { line, expected, found: seq });
        } else if link.prev != head.hash.to_hex().as_str() {
            self.faults.push(Fault::NotLinked { line, seq });
        }
    }
}
