//! A held connection's end: its data is pushed out, or it is reset.
//!
//! The daemon borrows the program's own socket (`pidfd_getfd`, Linux 5.6), so it works in any network namespace, and
//! gives it back at once: a kept copy would hide that the program closed it.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    net::{AddressFamily, Shutdown, SocketType, connect_unspec, getpeername, shutdown, sockopt},
    process::{PidfdGetfdFlags, pidfd_getfd},
};

use super::signal::pidfd;

/// What happened to a decided flow's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Yes,
    /// No process of the session has it open any more. What TCP still holds follows the verdict by itself.
    Gone,
}

/// Makes the kernel push what waits: setting TCP_NODELAY does so at once (net/ipv4/tcp.c:__tcp_sock_set_nodelay),
/// where the retransmission timer may by now take minutes. The program's own setting is put back.
///
/// # Errors
/// The socket refuses the option.
pub fn push(pids: &[u32], cookie: u64) -> io::Result<Reached> {
    let Some(socket) = borrow(pids, cookie) else { return Ok(Reached::Gone) };
    let before = sockopt::tcp_nodelay(socket.as_fd())?;
    sockopt::set_tcp_nodelay(socket.as_fd(), true)?;
    if !before {
        sockopt::set_tcp_nodelay(socket.as_fd(), false)?;
    }
    Ok(Reached::Yes)
}

/// Resets the connection: queued data is thrown away, and the program sees `ECONNRESET` at its next call.
///
/// # Errors
/// The socket can be neither disconnected nor shut down; its data stays held all the same.
pub fn reset(pids: &[u32], cookie: u64) -> io::Result<Reached> {
    let Some(socket) = borrow(pids, cookie) else { return Ok(Reached::Gone) };
    // Older kernels refuse to disconnect while a thread waits in the socket; then both directions are shut.
    if connect_unspec(socket.as_fd()).is_err() {
        shutdown(socket.as_fd(), Shutdown::Both)?;
    }
    Ok(Reached::Yes)
}

/// The socket with this cookie, from the first process that has it.
fn borrow(pids: &[u32], cookie: u64) -> Option<OwnedFd> {
    pids.iter().find_map(|pid| borrow_from(*pid, cookie))
}

fn borrow_from(pid: u32, cookie: u64) -> Option<OwnedFd> {
    let process = pidfd(pid).ok()?;
    sockets(pid).into_iter().find_map(|fd| {
        let socket = pidfd_getfd(process.as_fd(), fd, PidfdGetfdFlags::empty()).ok()?;
        (sockopt::socket_cookie(socket.as_fd()).ok()? == cookie).then_some(socket)
    })
}

/// Descriptors of a process that are sockets.
#[must_use]
pub fn sockets(pid: u32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| {
            fs::read_link(entry.path())
                .is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

const TCP: u16 = 6;
const UDP: u16 = 17;

/// Where an open socket sends to, as the kernel programs note it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub cookie: u64,
    pub address: [u8; 16],
    pub port: u16,
    pub protocol: u16,
}

/// A process's sockets that can send without a further call that the kernel programs see: connected ones, and raw ones and
/// their like.
#[must_use]
pub fn connections(pid: u32) -> Vec<Connection> {
    let Ok(process) = pidfd(pid) else { return Vec::new() };
    let borrow = |fd| pidfd_getfd(process.as_fd(), fd, PidfdGetfdFlags::empty()).ok();
    sockets(pid).into_iter().filter_map(borrow).filter_map(|socket| connection(&socket)).collect()
}

fn connection(socket: &OwnedFd) -> Option<Connection> {
    let family = sockopt::socket_domain(socket.as_fd()).ok()?;
    if family != AddressFamily::INET && family != AddressFamily::INET6 {
        return None;
    }
    let protocol =
        sockopt::socket_protocol(socket.as_fd()).ok()?.map_or(0, |protocol| protocol.as_raw().get());
    let protocol = u16::try_from(protocol).ok()?;
    let (address, port) = match protocol {
        TCP | UDP if sockopt::socket_type(socket.as_fd()).ok()? != SocketType::RAW => {
            let remote = SocketAddr::try_from(getpeername(socket.as_fd()).ok()??).ok()?;
            (mapped(remote.ip()), remote.port())
        }
        _ => ([0; 16], 0), // raw, ICMP, UDP-Lite: noted without a destination, as when a session makes one
    };
    Some(Connection { cookie: sockopt::socket_cookie(socket.as_fd()).ok()?, address, port, protocol })
}

/// IPv4 as `::ffff:a.b.c.d`, as the kernel programs store it.
#[must_use]
fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
