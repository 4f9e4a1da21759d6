//! Records: reserved in the ring, filled in place, submitted. No per-CPU scratch space anywhere: a preempted program
//! would find it overwritten.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_boot_ns,
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use monitor_common::{event::Header, loss::Loss};

use crate::count;

/// Reserves a record; a full ring is counted under `loss` and against the session.
#[inline(always)]
pub fn reserve<T: 'static>(ring: &RingBuf, loss: Loss, session: u64) -> Option<RingBufEntry<T>> {
    let entry = ring.reserve::<T>(0);
    if entry.is_none() {
        count::lost(loss, session);
    }
    entry
}

#[inline(always)]
pub fn header(kind: u32, tgid: u32, session: u64) -> Header {
    // SAFETY: a helper without arguments.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    Header { kind, tgid, session, at_ns }
}
