//! What somebody outside of the session has, and how the session gets it.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use rustix::process::Pid;

use super::descriptors;
pub use super::descriptors::{give, pair};

/// Numbers under which a session's root, or the process outside, has what somebody outside opened.
pub const SECRET: i32 = 40;
pub const CONNECTION: i32 = 41;
/// Numbers of sockets in which the same is on its way to the session's root.
pub const SECRET_ON_ITS_WAY: i32 = 42;
pub const CONNECTION_ON_ITS_WAY: i32 = 43;

pub fn inherited(number: i32) -> OwnedFd {
    // SAFETY: whoever started the session left this number open for the one act that uses it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

pub fn sent(number: i32) -> io::Result<OwnedFd> {
    descriptors::take(inherited(number))
}

pub fn robbed(owner: Option<i32>, number: i32) -> io::Result<OwnedFd> {
    let owner = owner.and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    descriptors::take_number(owner, number)
}
