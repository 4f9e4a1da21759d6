//! The two rings, and waiting for them.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd as _, BorrowedFd},
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes that may be set aside; what comes then stays in the ring.
const ASIDE_MAX: usize = 16 << 20;

/// One ring buffer.
pub struct Ring {
    ring: RingBuf<MapData>,
    /// Older than what the ring holds: [`Ring::sift`] left it for [`Ring::drain_raw`].
    aside: VecDeque<Box<[u8]>>,
    aside_bytes: usize,
}

impl Ring {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring, aside: VecDeque::new(), aside_bytes: 0 }
    }

    /// Removes the records that `take` wants; the others are set aside in their order.
    pub(super) fn sift(&mut self, mut take: impl FnMut(&[u8]) -> bool) {
        while self.aside_bytes < ASIDE_MAX {
            let Some(item) = self.ring.next() else { return };
            if !take(&item) {
                self.aside_bytes += item.len();
                self.aside.push_back((*item).into());
            }
        }
    }

    /// Hands the bytes of every record that is there to `handle`, oldest first, at most `limit` of them; returns whether
    /// the ring was empty then. A record that is being written keeps those behind it: then it was not.
    pub fn drain_raw(&mut self, limit: usize, mut handle: impl FnMut(&[u8])) -> bool {
        for _ in 0..limit {
            if let Some(bytes) = self.aside.pop_front() {
                self.aside_bytes -= bytes.len();
                handle(&bytes);
                continue;
            }
            let Some(item) = self.ring.next() else { return self.is_empty() };
            handle(&item);
        }
        false
    }

    /// By the kernel's own count, in which a record that is being written is there (kernel/bpf/ringbuf.c:ringbuf_map_poll_kern,
    /// v6.1–v7.2).
    fn is_empty(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.fd(), PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&now)), Ok(0))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// Waits until a ring has records, `wake` is readable or `timeout` has passed.
///
/// # Errors
/// `poll(2)` failed, other than by a signal.
pub fn wait(rings: [&Ring; 2], wake: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
    let [first, second] = rings;
    let mut fds = [
        PollFd::from_borrowed_fd(first.fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(second.fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(wake, PollFlags::IN),
    ];
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
