//! Waiting for a while, or for a descriptor.

use std::{io, os::fd::AsFd, thread, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Waits so many milliseconds.
pub fn pause(milliseconds: u16) {
    thread::park_timeout(Duration::from_millis(milliseconds.into()));
}

/// Whether something can be read within so many milliseconds.
pub fn readable(descriptor: impl AsFd, milliseconds: u16) -> io::Result<bool> {
    ready(descriptor, PollFlags::IN, milliseconds)
}

/// Whether a descriptor is ready for what is wanted within so many milliseconds.
pub fn ready(descriptor: impl AsFd, wanted: PollFlags, milliseconds: u16) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(&descriptor, wanted)];
    let limit = Timespec {
        tv_sec: i64::from(milliseconds / 1000),
        tv_nsec: i64::from(milliseconds % 1000) * 1_000_000,
    };
    Ok(poll(&mut descriptors, Some(&limit))? > 0)
}
