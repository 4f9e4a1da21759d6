//! Why the daemon does not start.

use std::path::PathBuf;

use crate::{control::socket::BindError, ledger::LedgerError, metrics::ExporterError};
use interlock_core::problem::Problems;
use interlock_host::probes::ProbeError;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    PolicySet(#[from] Problems),
    #[error(transparent)]
    Probes(#[from] ProbeError),
    #[error("cannot use the state directory {path}: {source}; create it for root or set `state`")]
    State { path: PathBuf, source: std::io::Error },
    #[error(
        "another interlock daemon uses the state directory {path}; stop it, or set `state` to another directory"
    )]
    StateInUse { path: PathBuf },
    #[error(
        "still frozen: {sessions}; start the daemon and thaw them (interlock thaw ID), or kill them, before letting go"
    )]
    Frozen { sessions: String },
    #[error(
        "still held: {holds}; start the daemon and decide them (interlock holds), or add --with-holds: they then go on without a decision"
    )]
    Held { holds: String },
    #[error(
        "whether anything is held or frozen is not known, as the saved state cannot be read: {0}; start the daemon, or add --with-holds"
    )]
    NotKnown(std::io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Metrics(#[from] ExporterError),
    #[error(transparent)]
    Control(#[from] BindError),
    #[error("the event loop ended by a panic, which stands above; what is pinned stays in force")]
    Panicked,
    #[error("{what} failed: {source}")]
    System { what: &'static str, source: std::io::Error },
}

pub fn system(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
