//! Descriptors on their way from one process to another.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::{self, MaybeUninit},
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
};

use rustix::{
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?)
}

pub fn give(socket: impl AsFd, descriptor: impl AsFd) -> io::Result<()> {
    let rights = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&rights));
    sendmsg(socket, &[IoSlice::new(b"x")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

pub fn take(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
    let rights = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
        _ => None,
    });
    rights.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Tells the number of a descriptor, and waits until it was taken.
pub fn offer(socket: impl AsFd, descriptor: impl AsFd) -> io::Result<()> {
    let number = descriptor.as_fd().as_raw_fd().to_ne_bytes();
    rustix::net::send(&socket, &number, SendFlags::NOSIGNAL)?;
    // Nothing comes: the other side closes it.
    rustix::net::recv(&socket, &mut [0; 1], RecvFlags::empty())?;
    Ok(())
}

pub fn take_offered(socket: impl AsFd, owner: Pid) -> io::Result<OwnedFd> {
    let mut number = [0; 4];
    rustix::net::recv(&socket, &mut number, RecvFlags::WAITALL)?;
    take_number(owner, i32::from_ne_bytes(number))
}

pub fn take_number(owner: Pid, number: i32) -> io::Result<OwnedFd> {
    let owner = pidfd_open(owner, PidfdFlags::empty())?;
    Ok(pidfd_getfd(owner, number, PidfdGetfdFlags::empty())?)
}

/// The descriptor that has the same number in another process.
pub fn rob(owner: Pid, descriptor: impl AsFd) -> io::Result<OwnedFd> {
    take_number(owner, descriptor.as_fd().as_raw_fd())
}

/// The connection lives on in the queue of a socket that nobody reads, as long as this process.
pub fn leave_in_flight(connection: OwnedFd) -> io::Result<()> {
    let (from, to) = pair()?;
    give(&from, &connection)?;
    mem::forget((from, to));
    Ok(())
}
