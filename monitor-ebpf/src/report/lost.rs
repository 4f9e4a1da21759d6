//! Counting what could not be done.

use monitor_common::loss::Loss;

use crate::{
    kernel::atomic,
    maps::{LOST, TAINTS},
};

/// For a loss that leaves its session as complete as it was.
pub const NOBODY: u64 = 0;

/// Counts one loss; a session that it belongs to is incomplete from now on.
#[inline(always)]
pub fn count(kind: Loss, session: u64) {
    if let Some(counter) = LOST.get_ptr_mut(kind as u32) {
        // SAFETY: a per-CPU slot that the verifier proved to be non-null; a preempting program on this CPU can at worst
        // make one increment of the statistics disappear, the per-session count below is atomic.
        unsafe { *counter += 1 };
    }
    if session != NOBODY
        && let Some(state) = TAINTS.get_ptr_mut(session)
    {
        // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned.
        unsafe { atomic::increment(&raw mut (*state).lost) };
    }
}
