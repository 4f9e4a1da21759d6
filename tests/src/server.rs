//! A server on loopback that counts what arrives and answers HTTP/1.1, keeping connections open.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use crate::wait;

/// What has arrived so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub connections: usize,
    pub bytes: usize,
    /// First lines of the requests that arrived whole.
    pub requests: Vec<String>,
    /// When the last byte arrived.
    pub last: Option<Instant>,
}

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    #[must_use]
    pub fn start() -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into())
    }

    #[must_use]
    pub fn start_v6() -> Self {
        Self::listen((Ipv6Addr::LOCALHOST, 0).into())
    }

    fn listen(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("loopback is there");
        let address = listener.local_addr().expect("a bound listener has an address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("no server thread panics").clone()
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits until so many requests have arrived, and no more.
    pub fn arrives(&self, count: usize) {
        wait::until("it arrives", || match self.seen().requests.len() {
            seen if seen == count => Ok(()),
            seen => Err(seen),
        });
    }

    /// `Err` with what has arrived, where anything has.
    ///
    /// # Errors
    /// Bytes have arrived.
    pub fn silent(&self) -> Result<(), Seen> {
        let seen = self.seen();
        if seen.bytes == 0 { Ok(()) } else { Err(seen) }
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) {
    seen.lock().expect("no server thread panics").connections += 1;
    let mut buffer = Vec::new();
    let mut piece = vec![0; 65_536];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        buffer.extend_from_slice(&piece[..length]);
        {
            let mut seen = seen.lock().expect("no server thread panics");
            seen.bytes += length;
            seen.last = Some(Instant::now());
        }
        while let Some((request, rest)) = whole_request(&buffer) {
            buffer = rest;
            seen.lock().expect("no server thread panics").requests.push(request);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
        }
    }
}

/// The first line of a request that is there with its body, and what follows it.
fn whole_request(buffer: &[u8]) -> Option<(String, Vec<u8>)> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let rest = buffer.get(head + body..)?.to_vec();
    Some((text.lines().next().unwrap_or_default().to_owned(), rest))
}
