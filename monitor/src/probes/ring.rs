//! The two rings, and waiting for them.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// One ring buffer.
pub struct Ring(RingBuf<MapData>);

impl Ring {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self(ring)
    }

    /// Hands the bytes of every record that is there to `handle`, oldest first, at most `limit` of them.
    pub fn drain_raw(&mut self, limit: usize, mut handle: impl FnMut(&[u8])) {
        for _ in 0..limit {
            let Some(item) = self.0.next() else { return };
            handle(&item);
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
