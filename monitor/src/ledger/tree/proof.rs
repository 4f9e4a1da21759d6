//! One record, with the proof that a signed ledger has it: C2SP tlog-proof.
//!
//! Its `extra` is the record's line with its end, so that the file is all that somebody needs. Nothing is taken from there on
//! trust: the proof is of that line, or fails.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tlog_tiles::tlog::{Hash, RecordProof, check_record};

use super::{
    checkpoint::{Signed, SignedError},
    growing::leaf,
    verifier::Keys,
};
use crate::ledger::chain::{Link, MAX_LINE};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Most hashes of a proof: a tree has fewer than 2⁶⁴ leaves.
const PATH_MAX: usize = 64;

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("line {line}: expected {expected} (C2SP tlog-proof)")]
    Form { line: usize, expected: &'static str },
    #[error("it carries no record of a ledger (`extra`): {0}")]
    NoRecord(String),
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] SignedError),
    #[error("it is of record {record}, and its checkpoint of the first {size}")]
    Beyond { record: u64, size: u64 },
    #[error("it is about entry {index}, and the record in it is number {seq}")]
    OtherPlace { index: u64, seq: u64 },
    #[error("the signed ledger does not have this record at its place: the record or the proof was changed")]
    NotIncluded,
}

/// A proof, as it is handed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// Number of the record, less one.
    pub index: u64,
    pub path: RecordProof,
    /// The record, with its line's end.
    pub line: Vec<u8>,
    /// The checkpoint, as it was signed.
    pub checkpoint: Vec<u8>,
}

impl Proof {
    #[must_use]
    pub fn text(&self) -> String {
        let path: String = self.path.iter().map(|hash| format!("{hash}\n")).collect();
        let extra = BASE64_STANDARD.encode(&self.line);
        let checkpoint = String::from_utf8_lossy(&self.checkpoint);
        format!("{FIRST_LINE}\nextra {extra}\nindex {}\n{path}\n{checkpoint}", self.index)
    }

    /// Reads a proof; nothing is checked yet.
    ///
    /// # Errors
    /// The line that is not as it must be.
    pub fn read(text: &str) -> Result<Self, ProofError> {
        let (head, checkpoint) = text.split_once("\n\n").unwrap_or((text, ""));
        let wrong = |at: usize, expected| ProofError::Form { line: at + 1, expected };
        let mut lines = head.split('\n').enumerate();
        let last = head.split('\n').count();
        if lines.next().is_none_or(|(_, line)| line != FIRST_LINE) {
            return Err(wrong(0, "c2sp.org/tlog-proof@v1"));
        }
        let (mut at, mut line) = lines.next().ok_or(wrong(last, "extra or index"))?;
        let mut record = Vec::new();
        if let Some(extra) = line.strip_prefix("extra ") {
            if extra.len() > 2 * MAX_LINE {
                return Err(wrong(at, "no more than a record"));
            }
            record = BASE64_STANDARD.decode(extra).map_err(|_| wrong(at, "base64 after `extra`"))?;
            (at, line) = lines.next().ok_or(wrong(last, "index"))?;
        }
        let digits = line.strip_prefix("index ").ok_or(wrong(at, "index and a number"))?;
        let index: u64 = digits.parse().map_err(|_| wrong(at, "index and a number"))?;
        if index.to_string() != digits {
            return Err(wrong(at, "a number without leading zeros"));
        }
        let hash = |(at, line)| Hash::parse_hash(line).map_err(|_| wrong(at, "a hash of 32 bytes in base64"));
        let path = lines.map(hash).collect::<Result<Vec<_>, _>>()?;
        if path.len() > PATH_MAX {
            return Err(wrong(last, "at most 64 hashes"));
        }
        Ok(Self { index, path, line: record, checkpoint: checkpoint.into() })
    }

    /// Whether the signed ledger has the record at its place; the record, and what it was checked against.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn check(&self, keys: &Keys) -> Result<(Link, Signed), ProofError> {
        let signed = Signed::read(&self.checkpoint, keys)?;
        let content =
            self.line.strip_suffix(b"\n").ok_or_else(|| ProofError::NoRecord("it has no end".into()))?;
        let (link, ..) = Link::read(content).map_err(ProofError::NoRecord)?;
        if self.index >= signed.size {
            return Err(ProofError::Beyond { record: self.index.saturating_add(1), size: signed.size });
        }
        let leaf = leaf(&self.line);
        check_record(&self.path, signed.size, signed.root, self.index, leaf)
            .map_err(|_| ProofError::NotIncluded)?;
        if self.index.checked_add(1) != Some(link.seq) {
            return Err(ProofError::OtherPlace { index: self.index, seq: link.seq });
        }
        Ok((link, signed))
    }
}
