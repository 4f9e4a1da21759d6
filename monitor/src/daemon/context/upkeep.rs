//! What is remembered between two rounds of housekeeping.

pub mod asking;
pub mod attempts;
pub mod reconciliation;
pub mod reloading;
pub mod unwatched_log;

use crate::daemon::context::upkeep::{
    asking::Asking, attempts::Attempts, reconciliation::Reconciliation, reloading::Reloading,
    unwatched_log::UnwatchedLog,
};
use interlock_core::facts::BootNanos;

/// What housekeeping has under way.
#[derive(Default)]
pub struct Upkeep {
    pub next_housekeeping: BootNanos,
    pub reconciliation: Reconciliation,
    pub unwatched_log: UnwatchedLog,
    pub reloading: Reloading,
    pub asking: Asking,
    pub attempts: Attempts,
    pub registries_asked: u64,
}
