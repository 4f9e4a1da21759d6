//! Whoever answers at the control plane's address: notes each mark that arrives, in whatever it is wrapped.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use super::world::{DNS, PORTS, RESOLVER};

/// What is in the stores; nothing accepts it.
pub const TOKEN: &str = "not-real-0000";

/// A connection that says nothing for so long is let go.
const IDLE_TIMEOUT: Duration = Duration::from_secs(12);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// Longest request that marks are looked for in, bytes.
const LIMIT: usize = 1 << 16;
/// Thousands of connections wait at once; each has a thread that needs next to nothing.
const STACK: usize = 64 << 10;

/// Numbers of marks that have arrived, and how often each.
#[derive(Debug, Default)]
pub struct Arrived(Mutex<BTreeMap<u32, usize>>);

impl Arrived {
    pub fn marks(&self) -> BTreeMap<u32, usize> {
        self.lock().clone()
    }

    fn note(&self, bytes: &[u8]) -> bool {
        let marks = marks(bytes);
        marks.iter().for_each(|mark| *self.lock().entry(*mark).or_default() += 1);
        !marks.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every `TOKEN.NUMBER.` in the bytes.
fn marks(bytes: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(bytes);
    let after = text.split(TOKEN).skip(1);
    after.filter_map(|rest| rest.strip_prefix('.')?.split_once('.')?.0.parse().ok()).collect()
}

/// Listens on every address of this network, from threads that live as long as the process.
///
/// # Errors
/// A port cannot be bound, or a thread cannot be started.
pub fn serve(arrived: &Arc<Arrived>) -> Result<()> {
    for port in PORTS {
        for place in
            [SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
        {
            let bound = || format!("{place} cannot be bound");
            let (listener, datagrams) =
                (listener(place).with_context(bound)?, socket(place).with_context(bound)?);
            let noting = Arc::clone(arrived);
            thread::Builder::new().spawn(move || accept(&listener, &noting)).context("no thread")?;
            let noting = Arc::clone(arrived);
            thread::Builder::new().spawn(move || receive(&datagrams, &noting)).context("no thread")?;
        }
    }
    let names = UdpSocket::bind((RESOLVER, DNS)).context("the resolver's port cannot be bound")?;
    let noting = Arc::clone(arrived);
    thread::Builder::new().spawn(move || resolve(&names, &noting)).context("no thread")?;
    Ok(())
}

/// With a queue for many who connect at once; an IPv6 one beside that of IPv4.
fn listener(place: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{SocketType, bind, listen, sockopt};
    let socket = rustix::net::socket(family(place), SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if place.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &place)?;
    listen(&socket, 1024)?;
    Ok(socket.into())
}

fn socket(place: SocketAddr) -> io::Result<UdpSocket> {
    use rustix::net::{SocketType, bind, sockopt};
    let socket = rustix::net::socket(family(place), SocketType::DGRAM, None)?;
    if place.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &place)?;
    Ok(socket.into())
}

fn family(place: SocketAddr) -> rustix::net::AddressFamily {
    if place.is_ipv6() { rustix::net::AddressFamily::INET6 } else { rustix::net::AddressFamily::INET }
}

fn accept(listener: &TcpListener, arrived: &Arc<Arrived>) {
    for stream in listener.incoming().flatten() {
        let arrived = Arc::clone(arrived);
        let serving = thread::Builder::new().stack_size(STACK);
        // Where no thread can be had the connection is closed, and the count of what was sent without arriving grows.
        let _ = serving.spawn(move || converse(stream, &arrived));
    }
}

/// Bytes are looked through as they come: a mark counts however it was split, and with its connection still open.
fn converse(mut stream: TcpStream, arrived: &Arrived) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    while bytes.len() < LIMIT {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..length]);
        // A request is answered once its head is whole, or its mark has come; then another may follow.
        if arrived.note(&bytes) || bytes.windows(4).any(|end| end == b"\r\n\r\n") {
            bytes.clear();
            stream.write_all(ANSWER)?;
        }
    }
    Ok(())
}

fn receive(socket: &UdpSocket, arrived: &Arrived) {
    let mut buffer = [0; 4096];
    // What a sender splits into several datagrams is put together again by where it came from.
    let mut parts: BTreeMap<SocketAddr, Vec<u8>> = BTreeMap::new();
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let whole = parts.entry(from).or_default();
        whole.extend_from_slice(&buffer[..length]);
        if arrived.note(whole) || whole.len() > LIMIT {
            parts.remove(&from);
        }
        let _ = socket.send_to(b"ok", from); // it is gone
    }
}

/// One address for every name.
fn resolve(socket: &UdpSocket, arrived: &Arrived) {
    let mut query = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut query) {
        let query = &query[..length];
        if arrived.note(query) || length < 12 {
            continue;
        }
        let server = super::world::SERVER.octets();
        let answer = [
            &query[..2],
            b"\x81\x80\0\x01\0\x01\0\0\0\0",
            &query[12..],
            b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04",
            &server,
        ];
        let _ = socket.send_to(&answer.concat(), from); // lost datagrams are the asker's to repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_whatever_they_are_wrapped() {
        assert_eq!(
            marks(b"\x16\x03\x01not-real-0000.17..........Host: x not-real-0000.4294967295.\r\n"),
            [17, 4_294_967_295]
        );
        assert_eq!(marks(b"not-real-0000 not-real-0000.12"), [0_u32; 0]);
        let arrived = Arrived::default();
        assert!(arrived.note(b"not-real-0000.3.") && !arrived.note(b"not-real-0000"));
        assert_eq!(arrived.marks(), BTreeMap::from([(3, 1)]));
    }
}
