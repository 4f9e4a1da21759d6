//! What does not hold in a ledger.

use std::{io, path::PathBuf};

/// Faults that are listed where they are gathered; a file of another kind would give one a line.
pub const MAX_FAULTS: usize = 100;

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

impl Fault {
    /// For programs: what kind of fault it is.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::In { fault, .. } => fault.word(),
            Self::Continues { .. } => "files-missing",
            Self::Malformed { .. } => "no-record",
            Self::Edited { .. } => "edited",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::NotLinked { .. } => "not-linked",
            Self::Torn { .. } => "torn",
            Self::NoRecord { .. } => "no-records",
            Self::More => "more",
        }
    }

    /// The line that it is about.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::In { fault, .. } => fault.line(),
            Self::Continues { line, .. }
            | Self::Malformed { line, .. }
            | Self::Edited { line, .. }
            | Self::OutOfOrder { line, .. }
            | Self::NotLinked { line, .. }
            | Self::Torn { line } => Some(*line),
            Self::Unreadable(_) | Self::NoRecord { .. } | Self::More => None,
        }
    }

    /// The record that it is about, as the line says.
    #[must_use]
    pub fn record(&self) -> Option<u64> {
        match self {
            Self::In { fault, .. } => fault.record(),
            Self::Continues { seq, .. } | Self::Edited { seq, .. } | Self::NotLinked { seq, .. } => {
                Some(*seq)
            }
            Self::OutOfOrder { found, .. } => Some(*found),
            Self::Unreadable(_)
            | Self::Malformed { .. }
            | Self::Torn { .. }
            | Self::NoRecord { .. }
            | Self::More => None,
        }
    }
}
