//! The verdict table: what the kernel may answer without asking, and what a touch does to the session.

use monitor_common::{
    label::GATED,
    policy::{
        ADDRESS_ANY, ADDRESS_CLASSES, AddressKey, Flow, FlowVerdict, MET_MAX, Met, Policy, SecretTag,
        VERDICT_ALLOW, VERDICT_DENY, open_index, taint_bit,
    },
};

use crate::{
    kernel::{atomic, net::DNS_PORT},
    maps::{ADDRESSES, MET, OPEN_VERDICTS, POLICY, SESSIONS, TAINTS, VERDICTS},
};

/// Marks what the session touched. Every touch that a rule cares about starts a new generation, so that connections
/// that were let through before are asked about again, and everything asks until the daemon has judged the touch.
#[inline(always)]
pub fn taint(session: u64, grade: u16, foreign: bool) -> Touched {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return UNTOUCHED };
    let bit = taint_bit(grade, foreign);
    // SAFETY: a map value stays allocated while a program runs (RCU); the fields are aligned.
    unsafe {
        atomic::set_bits(&raw mut (*state).taints, bit);
        if policy().is_some_and(|policy| policy.gate_mask & bit != 0) {
            // First the number: a flow that sees the new generation finds the touch unsettled.
            let number = atomic::increment(&raw mut (*state).touches);
            renew_met(session);
            return Touched { number, generation: atomic::increment(&raw mut (*state).generation) };
        }
        Touched { number: 0, generation: (*state).generation }
    }
}

/// What of the session's touches rules care about; all of it where something of the session is unknown.
#[inline(always)]
pub fn touched(session: u64) -> u64 {
    let (Some(state), Some(policy)) = (TAINTS.get_ptr(session), policy()) else { return 0 };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads.
    unsafe { if (*state).lost != 0 { policy.gate_mask } else { (*state).taints & policy.gate_mask } }
}

/// Marks what another session has touched; gives the number of the touch, 0 for none.
#[inline(always)]
pub fn share(session: u64, bits: u64) -> u64 {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return 0 };
    if bits == 0 {
        return 0;
    }
    // SAFETY: a map value stays allocated while a program runs (RCU); the fields are aligned.
    unsafe {
        atomic::set_bits(&raw mut (*state).taints, bits);
        // As in `taint`.
        let number = atomic::increment(&raw mut (*state).touches);
        atomic::increment(&raw mut (*state).generation);
        number
    }
}

/// What a touch made of its session.
#[derive(Clone, Copy)]
pub struct Touched {
    /// Which of the touches that rules care about; 0: none of them.
    pub number: u64,
    pub generation: u64,
}

pub const UNTOUCHED: Touched = Touched { number: 0, generation: 0 };

/// Something was touched that cannot be told: connections that were let through before are asked about again.
#[inline(always)]
pub fn renew(session: u64) {
    if let Some(state) = TAINTS.get_ptr_mut(session) {
        // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned.
        unsafe { atomic::increment(&raw mut (*state).generation) };
    }
}

/// What a session's flows are judged by.
pub struct Gate {
    /// Flows ask before their data leaves.
    pub closed: bool,
    pub generation: u64,
}

/// `None` where the session is over.
#[inline(always)]
pub fn gate(session: u64) -> Option<Gate> {
    let (taint, state) = (TAINTS.get_ptr(session)?, SESSIONS.get_ptr(session)?);
    // SAFETY: map values stay allocated while a program runs (RCU); aligned reads.
    unsafe {
        // A session of which something was not reported counts as having touched everything; a touch that is not judged yet
        // counts as what it looks like.
        let unjudged = (*taint).touches > (*state).settled;
        let closed = unjudged || (*taint).lost != 0 || (*state).flags & GATED != 0;
        Some(Gate { closed, generation: (*taint).generation + (*state).renewed as u64 })
    }
}

/// What the daemon decided about the flow's present destination.
#[inline(always)]
pub fn of_flow(cookie: u64, flow: &Flow) -> Option<FlowVerdict> {
    // SAFETY: copied out at once; the daemon replaces entries whole.
    unsafe { VERDICTS.get(cookie) }.copied().filter(|decided| decided.is_about(flow))
}

/// The table's answer to opening a secret.
#[inline(always)]
pub fn open(tag: SecretTag, foreign: bool) -> u32 {
    OPEN_VERDICTS.get(open_index(tag.entry, foreign)).copied().unwrap_or(VERDICT_ALLOW)
}

/// Everything is reported, nothing is stopped.
#[inline(always)]
pub fn observes() -> bool {
    policy().is_some_and(|policy| policy.observe != 0)
}

#[inline(always)]
pub fn policy() -> Option<&'static Policy> {
    POLICY.get(0)
}

/// Whether the table refuses a connect to this address and port, whatever the session has touched.
#[inline(always)]
pub fn refuses(address: &[u8; 16], port: u16) -> bool {
    let Some(policy) = policy() else { return false };
    let class = class(address, port) as usize;
    if class >= ADDRESS_CLASSES {
        return false;
    }
    policy.connect[class] == VERDICT_DENY
}

#[inline(always)]
fn class(address: &[u8; 16], port: u16) -> u32 {
    let by_address = AddressKey { address: *address, port: 0 };
    // On Google's and Azure's machines the metadata service's address is the name server's too.
    if port != DNS_PORT
        // SAFETY: 32-bit values, copied out at once.
        && let Some(class) = unsafe { ADDRESSES.get(by_address) }
    {
        return *class;
    }
    let by_port = AddressKey { address: [0; 16], port: port as u32 };
    // SAFETY: as above.
    unsafe { ADDRESSES.get(by_port) }.copied().unwrap_or(ADDRESS_ANY)
}

/// A session has touched something: what those that it has met send is asked about again, once the daemon has judged it.
#[inline(never)]
fn renew_met(session: u64) -> u64 {
    let Some(met) = MET.get_ptr(session) else { return 0 };
    for place in 0..MET_MAX {
        let other = met_at(met, place);
        if other != 0 {
            renew(other);
        }
    }
    0
}

/// Whom the session met at this place; 0: nobody.
#[inline(always)]
pub fn met_at(met: *const Met, place: usize) -> u64 {
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned read within the array.
    unsafe { (&raw const (*met).sessions).cast::<u64>().add(place & (MET_MAX - 1)).read() }
}
