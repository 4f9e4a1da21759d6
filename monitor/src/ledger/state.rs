//! An open ledger, and what it says of itself.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    aside::Torn,
    chain::Head,
    kept::{HeadFile, Kept},
    pending::Pending,
    rotation::Rotation,
    tree::Tree,
};

/// Name of the file in the state directory.
pub const FILE: &str = "ledger.jsonl";

/// The ledger, open for appending. Dropping it releases the lock.
#[derive(Debug)]
pub struct Ledger {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Length up to and with the last acknowledged record, bytes.
    pub(super) length: u64,
    pub(super) head: Head,
    pub(super) torn: Option<Torn>,
    /// The last records may not be on the disk yet.
    pub(super) ahead: bool,
    /// A record was neither written nor taken back: what the file holds is not known.
    pub(super) unknown: bool,
    /// What was noticed of the file, for whoever asks.
    pub(super) rotations: Vec<Rotation>,
    /// Of every record up to the head; `None` where earlier files are missing.
    pub(super) tree: Option<Tree>,
    pub(super) kept: HeadFile,
    /// What must be done before another record.
    pub(super) pending: Option<Pending>,
    /// What could not be made sure of, for whoever asks.
    pub(super) doubts: Vec<String>,
}

impl Ledger {
    /// The last record's number and hash; number 0 in an empty ledger.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// What was moved aside when the ledger was opened.
    #[must_use]
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// The tree of all records up to the head, for whoever signs it; `None` where earlier files are missing.
    #[must_use]
    pub fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// Keeps the head beside the ledger, for the next start to compare with. Only of what is on the disk.
    pub(super) fn keep_head(&self) {
        let kept = Kept { head: self.head, length: self.length, tree: self.tree.clone() };
        if let Err(error) = self.kept.write(&kept) {
            // Fails open: the record is there, and the chain proves it. A later start compares with an older head.
            tracing::error!(path = %self.path.display(), %error, "the head of the ledger cannot be kept beside it");
        }
    }

    /// Whether lines can be written at all: after a write that could be neither ended nor taken back nothing can.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        !self.unknown
    }

    /// Whether everything up to the head is on the disk, as far as the system says.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_in_order() && !self.ahead && self.pending.is_none()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What could not be made sure of since this was asked last: people must look at it.
    pub fn take_doubts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.doubts)
    }

    /// What was noticed since this was asked last.
    pub fn take_rotations(&mut self) -> Vec<Rotation> {
        std::mem::take(&mut self.rotations)
    }
}
