//! A held connection's end: its data is pushed out, or it is reset.
//!
//! The daemon borrows the program's own socket (`pidfd_getfd`, Linux 5.6), so it works in any network namespace, and
//! gives it back at once: a kept copy would hide that the program closed it.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    net::{AddressFamily, Shutdown, SocketType, connect_unspec, getpeername, shutdown, sockopt},
    process::{PidfdGetfdFlags, pidfd_getfd},
};

use monitor_common::policy::RAW;

use super::signal::{pidfd, pidfd_of_thread};
use crate::proc::{
    descriptors::{self, Bounds},
    procfs,
};

/// What is to be done with a decided flow's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Its data is to go out now.
    Push,
    /// Its program is to see an error; where `to` says where the flow went, only while the socket goes there.
    Reset { to: Option<([u8; 16], u16)> },
}

impl Errand {
    fn carry_out(self, socket: &OwnedFd) -> io::Result<()> {
        match self {
            Self::Push => push(socket),
            Self::Reset { to } if to.is_some_and(|to| goes_elsewhere(socket, to)) => Ok(()),
            Self::Reset { .. } => reset(socket),
        }
    }
}

/// Finds the sockets with these cookies among a session's processes, in one walk, and does what is to be done with each; returns what
/// came of it. Those that stay in `errands` were not found: closed by everybody, so that what TCP still holds follows the verdict by
/// itself, or beyond the bounds.
pub fn reach(
    pids: &[u32],
    errands: &mut HashMap<u64, Errand>,
    bounds: &mut Bounds,
) -> Vec<(u64, Errand, io::Result<()>)> {
    let mut done = Vec::new();
    for pid in pids {
        let Ok(process) = owner(*pid) else { continue };
        for (fd, _) in descriptors::sockets(*pid, bounds) {
            let Ok(socket) = pidfd_getfd(process.as_fd(), fd, PidfdGetfdFlags::empty()) else { continue };
            let Ok(cookie) = sockopt::socket_cookie(socket.as_fd()) else { continue };
            if let Some(errand) = errands.remove(&cookie) {
                done.push((cookie, errand, errand.carry_out(&socket)));
            }
            if errands.is_empty() {
                return done;
            }
        }
    }
    done
}

/// Makes the kernel push what waits: setting TCP_NODELAY does so at once (net/ipv4/tcp.c:__tcp_sock_set_nodelay),
/// where the retransmission timer may by now take minutes. The program's own setting is put back.
fn push(socket: &OwnedFd) -> io::Result<()> {
    let before = sockopt::tcp_nodelay(socket.as_fd())?;
    sockopt::set_tcp_nodelay(socket.as_fd(), true)?;
    if !before {
        sockopt::set_tcp_nodelay(socket.as_fd(), false)?;
    }
    Ok(())
}

/// Resets the connection: queued data is thrown away, and the program sees `ECONNRESET` at its next call.
fn reset(socket: &OwnedFd) -> io::Result<()> {
    // Older kernels refuse to disconnect while a thread waits in the socket; then both directions are shut.
    if connect_unspec(socket.as_fd()).is_err() {
        shutdown(socket.as_fd(), Shutdown::Both)?;
    }
    Ok(())
}

fn goes_elsewhere(socket: &OwnedFd, to: ([u8; 16], u16)) -> bool {
    let now = connection(socket).map(|connection| (connection.address, connection.port));
    now.is_some_and(|now| now != ([0; 16], 0) && now != to)
}

/// A handle to a thread of the process that has its descriptors: the first one, or one that outlives it (`PIDFD_THREAD`, since Linux
/// 6.9; before, such a process's sockets cannot be borrowed, and their data stays held).
fn owner(pid: u32) -> io::Result<OwnedFd> {
    let living = procfs::living(pid);
    let thread =
        living.file_name().and_then(|name| name.to_str()?.parse().ok()).filter(|thread| *thread != pid);
    thread.map_or_else(|| pidfd(pid), pidfd_of_thread)
}

/// Numbers of the sockets that a process has open.
#[must_use]
pub fn numbers(pid: u32, bounds: &mut Bounds) -> HashSet<u64> {
    descriptors::sockets(pid, bounds).map(|(_, number)| number).collect()
}

const TCP: u16 = 6;
const UDP: u16 = 17;
const MPTCP: u16 = 262;

/// Where an open socket sends to, as the kernel programs note it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub cookie: u64,
    /// Of its inode: the same for everybody who has it.
    pub number: u64,
    pub address: [u8; 16],
    pub port: u16,
    pub protocol: u16,
}

/// A process's sockets that can send without a further call that the kernel programs see: connected ones, and raw ones and
/// their like.
#[must_use]
pub fn connections(pid: u32, bounds: &mut Bounds) -> Vec<Connection> {
    let Ok(process) = owner(pid) else { return Vec::new() };
    let borrow = |fd| pidfd_getfd(process.as_fd(), fd, PidfdGetfdFlags::empty()).ok();
    let sockets = descriptors::sockets(pid, bounds).filter_map(|(fd, _)| borrow(fd));
    sockets.filter_map(|socket| connection(&socket)).collect()
}

fn connection(socket: &OwnedFd) -> Option<Connection> {
    let family = sockopt::socket_domain(socket.as_fd()).ok()?;
    if family != AddressFamily::INET && family != AddressFamily::INET6 {
        return None;
    }
    let protocol = if sockopt::socket_type(socket.as_fd()).ok()? == SocketType::RAW {
        RAW
    } else {
        let protocol = sockopt::socket_protocol(socket.as_fd()).ok()?;
        u16::try_from(protocol.map_or(0, |protocol| protocol.as_raw().get())).ok()?
    };
    let (address, port) = match protocol {
        TCP | UDP | MPTCP => {
            let remote = SocketAddr::try_from(getpeername(socket.as_fd()).ok()??).ok()?;
            (mapped(remote.ip()), remote.port())
        }
        _ => ([0; 16], 0), // raw, ICMP, UDP-Lite: noted without a destination, as when a session makes one
    };
    let number = rustix::fs::fstat(socket).ok()?.st_ino;
    Some(Connection { cookie: sockopt::socket_cookie(socket.as_fd()).ok()?, number, address, port, protocol })
}

/// IPv4 as `::ffff:a.b.c.d`, as the kernel programs store it.
#[must_use]
fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
