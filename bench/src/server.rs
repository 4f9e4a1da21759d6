//! A web server on loopback that notes when each request's first byte arrives.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::measure::now_ns;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// A request's first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The client's port.
    pub from: u16,
    /// When they were read, ns of the common clock.
    pub at: f64,
}

/// Serves as long as the process lives.
pub struct Server {
    pub port: u16,
    arrivals: Receiver<Arrival>,
}

impl Server {
    /// # Errors
    /// No port of loopback is free.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a server")?;
        let port = listener.local_addr()?.port();
        let (sender, arrivals) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                // A held connection must not keep the next one waiting. What fails here is seen as a missing arrival.
                std::thread::spawn(move || answer(stream, &sender));
            }
        });
        Ok(Self { port, arrivals })
    }

    /// The arrival of the request that came from a port.
    ///
    /// # Errors
    /// None came within the limit.
    pub fn arrival(&self, from: u16, limit: Duration) -> Result<f64> {
        loop {
            match self.arrivals.recv_timeout(limit) {
                Ok(arrival) if arrival.from == from => return Ok(arrival.at),
                Ok(_) => {} // a connect without a request
                Err(_) => bail!("no byte from port {from} arrived within {} s", limit.as_secs()),
            }
        }
    }

    /// What arrives first within the limit, from wherever.
    pub fn anything(&self, limit: Duration) -> Option<Arrival> {
        self.arrivals.recv_timeout(limit).ok()
    }
}

fn answer(mut stream: TcpStream, arrivals: &Sender<Arrival>) -> io::Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    if length == 0 {
        return Ok(());
    }
    let arrival = Arrival { from: stream.peer_addr()?.port(), at: now_ns() as f64 };
    let _ = arrivals.send(arrival); // nobody asks for it any more
    stream.write_all(ANSWER)
}
