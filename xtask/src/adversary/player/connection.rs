//! Connections: where they go and how they are made.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketType, bind, connect, recv, send, socket},
};

use super::{
    super::{
        act::{How, To},
        world::{DNS, PORTS, RESOLVER, SERVER, SERVER_V6},
    },
    lineage, outside,
    waiting::{readable, ready},
};

/// Longest wait for an answer that the program goes on without, milliseconds.
const ANSWER_TIMEOUT_MS: u16 = 300;

/// `owner` is the process outside that has a connection.
pub fn make(to: To, how: How, owner: Option<i32>) -> io::Result<OwnedFd> {
    match to {
        To::Inherited => return Ok(outside::inherited(outside::CONNECTION)),
        To::Sent => return outside::sent(outside::CONNECTION_ON_ITS_WAY),
        To::Robbed => return outside::robbed(owner, outside::CONNECTION),
        _ => {}
    }
    if how == How::ByChild {
        return lineage::descriptor_of_child(|| make(to, How::Plain, owner), false);
    }
    let place = place(to, how);
    let connection = socket_for(to)?;
    if how == How::NonBlocking {
        rustix::io::ioctl_fionbio(&connection, true)?;
    }
    if how == How::Bound {
        let any = if place.is_ipv6() {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        };
        bind(&connection, &any)?;
    }
    match connect(&connection, &place) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(connection),
        Err(why) => Err(why.into()),
    }
}

/// A socket for such a place, not connected.
pub fn socket_for(to: To) -> io::Result<OwnedFd> {
    let kind = if to.is_datagram() { SocketType::DGRAM } else { SocketType::STREAM };
    let family = if place(to, How::Plain).is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    Ok(socket(family, kind, None)?)
}

pub fn place(to: To, how: How) -> SocketAddr {
    let port = PORTS[usize::from(how == How::OtherPort)];
    match to {
        To::V4 | To::Udp | To::Inherited | To::Sent | To::Robbed => (SERVER, port).into(),
        To::V6 | To::UdpV6 => (SERVER_V6, port).into(),
        To::V4InV6 => (SERVER.to_ipv6_mapped(), port).into(),
        To::Loopback | To::UdpLoopback => (Ipv4Addr::LOCALHOST, port).into(),
        To::DnsPort => (RESOLVER, DNS).into(),
    }
}

/// A request without a mark, to the same name, and its answer.
pub fn ask(connection: impl AsFd) -> io::Result<()> {
    let request = b"GET /status HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n";
    ready(&connection, rustix::event::PollFlags::OUT, ANSWER_TIMEOUT_MS)?;
    send(&connection, request, SendFlags::NOSIGNAL)?;
    answers(&connection, ANSWER_TIMEOUT_MS).map(drop)
}

pub fn answers(connection: impl AsFd, milliseconds: u16) -> io::Result<bool> {
    if !readable(&connection, milliseconds)? {
        return Ok(false);
    }
    let (length, _) = recv(&connection, &mut [0; 512], RecvFlags::DONTWAIT)?;
    Ok(length > 0)
}

/// Asks the machine's resolver for the control plane's address.
pub fn resolve() -> io::Result<()> {
    let mut query = b"ab\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for word in ["backboard", "railway", "app"] {
        query.extend(u8::try_from(word.len()));
        query.extend(word.as_bytes());
    }
    query.extend(b"\0\0\x01\0\x01");
    let asker = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    connect(&asker, &SocketAddr::from((RESOLVER, DNS)))?;
    send(&asker, &query, SendFlags::NOSIGNAL)?;
    answers(&asker, ANSWER_TIMEOUT_MS).map(drop)
}
