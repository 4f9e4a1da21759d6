//! An open ledger, and what it says of itself.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{aside::Torn, chain::Head, rotation::Rotation};

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

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was noticed since this was asked last.
    pub fn take_rotations(&mut self) -> Vec<Rotation> {
        std::mem::take(&mut self.rotations)
    }
}
