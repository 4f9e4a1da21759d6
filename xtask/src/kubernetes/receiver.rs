//! Where the agents of the test send to: counts what arrives, by the path of the request.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::ground::NODE;

#[derive(Clone, Default)]
pub struct Receiver {
    arrived: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Receiver {
    /// # Errors
    /// The address is taken.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((NODE, 8080)).context("the receiver of the test")?;
        let receiver = Self::default();
        let arrived = Arc::clone(&receiver.arrived);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let arrived = Arc::clone(&arrived);
                thread::spawn(move || {
                    let mut request = [0; 4096];
                    // Longer than any hold of the test waits.
                    let _ = stream.set_read_timeout(Some(Duration::from_mins(20)));
                    let Ok(length @ 1..) = stream.read(&mut request) else { return };
                    let text = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = text.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
                    *arrived.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
                    let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"); // the client is gone
                });
            }
        });
        Ok(receiver)
    }

    /// How many requests of this path had any byte arrive.
    pub fn arrived(&self, path: &str) -> u32 {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied().unwrap_or_default()
    }
}
