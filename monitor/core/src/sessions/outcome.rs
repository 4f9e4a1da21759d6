//! What became of the processes of a session that is stopped or continued.

use std::{collections::HashSet, time::Duration};

/// How a freeze or a kill ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Processes reached.
    pub members: usize,
    /// Passes over the tree until nothing moved.
    pub passes: u32,
    /// Processes that were still running when the time for it was over, or may have been: they could not be reached or looked at.
    /// Of a thaw: those that may still stand.
    pub running: Vec<u32>,
    /// Jobs that only SIGSTOP stops, because the freezer could not be had: their shells see it.
    pub by_signal: Vec<u32>,
    /// Processes that somebody had stopped before.
    pub stood: HashSet<u32>,
    /// A process that had the keys of its terminal; the root where that is one.
    pub terminal: Option<u32>,
    pub took: Duration,
}
