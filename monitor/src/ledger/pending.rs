//! What a ledger must do before it takes another record, and could not do yet: the disk was full.

use std::path::PathBuf;

use super::kept::Before;
use crate::logfile::Change;

/// It is tried again by each look at the ledger. No record is written meanwhile: what lies there is no place to go on.
#[derive(Debug)]
pub enum Pending {
    /// The start has not ended.
    Start(Start),
    /// The file was cut or holds something else; where it was moved to. Kept from when it was noticed: under its new name it would
    /// look like a file that was renamed.
    Changed(Change, Option<PathBuf>),
}

/// What a start found.
#[derive(Debug)]
pub struct Start {
    pub before: Before,
    /// The file's end does not hold together, also not up to the record that was acknowledged last.
    pub is_broken: bool,
}
