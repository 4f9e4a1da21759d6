//! The table of flows: who notes one takes a place of its session's.

use monitor_common::{label::FLOWS_OF_SESSION, loss::Loss, policy::Flow};

use crate::{
    decide::verdict,
    kernel::atomic,
    maps::{FLOWS, TAINTS},
    report::lost,
};

/// Notes a flow. Where there is no room, in the table or in the session's part of it, it fails closed: false. Nobody could hold its
/// data, now or when a secret has been touched. Where nothing is held anyway, the session counts as incomplete.
#[inline(always)]
pub fn follow(cookie: u64, flow: Flow) -> bool {
    let is_new = FLOWS.get_ptr(cookie).is_none();
    if !is_new || take_place(flow.session) {
        if FLOWS.insert(cookie, flow, 0).is_ok() {
            return true;
        }
        if is_new {
            give_place_back(flow.session);
        }
    }
    let goes_on = verdict::observes();
    lost::count(Loss::Flow, if goes_on { flow.session } else { lost::NOBODY });
    goes_on
}

/// Counts a connection of the session; false where it has as many as a session may.
#[inline(always)]
fn take_place(session: u64) -> bool {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return true };
    // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned. Two CPUs at the limit: one too many.
    unsafe {
        if (*state).flows >= FLOWS_OF_SESSION {
            return false;
        }
        atomic::increment(&raw mut (*state).flows);
    }
    true
}

#[inline(always)]
pub fn give_place_back(session: u64) {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return };
    // SAFETY: as above. The daemon's own entries were never counted, so it stops at nothing.
    unsafe {
        if (*state).flows != 0 {
            atomic::decrement(&raw mut (*state).flows);
        }
    }
}
