//! Signals, by pidfd only: a bare pid may by now be somebody else's.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::OFlags,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{probes::Maps, proc::life::has_ended};

/// A labelled process that cannot turn into another one.
pub struct Member {
    pub pid: u32,
    /// When it began, as its label says.
    pub start: u64,
    handle: OwnedFd,
}

impl Member {
    /// Opens the process and makes sure that it still carries the label: the kernel removes a label when its process
    /// ends, so a label that is there after the handle was opened belongs to the process behind the handle. `None`: it has
    /// ended, or is no member.
    ///
    /// # Errors
    /// It may live and cannot be reached: there is no descriptor left.
    pub fn open(maps: &Maps, pid: u32, session: u64) -> io::Result<Option<Self>> {
        let handle = match pidfd(pid) {
            Ok(handle) => handle,
            Err(error) if has_ended(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let label = maps.label(pid).filter(|label| label.session == session);
        Ok(label.map(|label| Self { pid, start: label.start_ns, handle }))
    }

    /// # Errors
    /// The process is gone (`ESRCH`) or may not be signalled.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.handle.as_fd(), signal)?)
    }
}

/// # Errors
/// There is no such process.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A handle to a thread that need not be its process's first one.
///
/// # Errors
/// It has ended, or the kernel is older than Linux 6.9.
pub fn pidfd_of_thread(thread: u32) -> io::Result<OwnedFd> {
    let thread = i32::try_from(thread).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    // PIDFD_THREAD, include/uapi/linux/pidfd.h.
    Ok(pidfd_open(thread, PidfdFlags::from_bits_retain(OFlags::EXCL.bits()))?)
}
