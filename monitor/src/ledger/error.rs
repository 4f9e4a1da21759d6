//! Why a ledger could not be opened.

use std::{io, path::PathBuf};

use super::fault::Fault;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{0} is in use by another process; only one daemon may write a ledger, so stop the other one first"
    )]
    Busy(PathBuf),
    #[error(
        "{path} does not hold together from byte {from} on (lines counted from there): {}; move it \
         elsewhere to start a new one, and keep it as evidence",
        list(faults)
    )]
    Broken { path: PathBuf, from: u64, faults: Vec<Fault> },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
