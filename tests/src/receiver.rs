//! A server on loopback that keeps the JSON of what is posted to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use serde_json::Value;

/// One request, and when it was there.
#[derive(Clone, Debug)]
pub struct Posted {
    pub at: Instant,
    pub body: Value,
}

pub struct Receiver {
    pub address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    /// # Panics
    /// The address is taken.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let posted = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&posted);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let posted = Arc::clone(&shared);
                thread::spawn(move || while take(&stream, &posted).is_some() {});
            }
        });
        Self { address, posted }
    }

    /// Requests so far, in the order of their arrival.
    #[must_use]
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().expect("no server thread panics").clone()
    }
}

fn take(stream: &TcpStream, posted: &Mutex<Vec<Posted>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    posted.lock().expect("no server thread panics").push(Posted { at: Instant::now(), body });
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}
