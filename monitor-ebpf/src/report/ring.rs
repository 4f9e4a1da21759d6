//! Records: reserved in the ring, filled in place, submitted. No per-CPU scratch space anywhere: a preempted program
//! would find it overwritten.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_boot_ns,
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use monitor_common::{event::Header, loss::Loss};

use crate::report::lost;

/// Room for one record in a ring, and the time from before it was reserved: whatever stands behind a record was
/// reserved later than that record says, and so are the records of whatever comes after it. By this the daemon knows when it
/// has read all there is up to a time.
pub struct Slot<T: 'static> {
    entry: RingBufEntry<T>,
    at_ns: u64,
}

/// Reserves a record; a full ring is counted under `loss` and against the session.
#[inline(always)]
pub fn reserve<T: 'static>(ring: &RingBuf, loss: Loss, session: u64) -> Option<Slot<T>> {
    // SAFETY: a helper without arguments.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    let Some(entry) = ring.reserve::<T>(0) else {
        lost::count(loss, session);
        return None;
    };
    Some(Slot { entry, at_ns })
}

impl<T> Slot<T> {
    #[inline(always)]
    pub fn header(&self, kind: u32, tgid: u32, session: u64) -> Header {
        Header { kind, tgid, session, at_ns: self.at_ns }
    }

    #[inline(always)]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.entry.as_mut_ptr()
    }

    #[inline(always)]
    pub fn write(&mut self, record: T) {
        self.entry.write(record);
    }

    #[inline(always)]
    pub fn submit(self) {
        self.entry.submit(0);
    }

    #[inline(always)]
    pub fn discard(self) {
        self.entry.discard(0);
    }
}
