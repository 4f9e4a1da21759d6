//! Requests to the daemon under test, blocking. HTTP/1.0, where an answer ends with its connection.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The server's own limit is 30 s.
const LIMIT: Duration = Duration::from_secs(35);

pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// # Errors
    /// The daemon cannot be reached, refuses, or answers with something else than JSON.
    pub fn get(&self, path: &str) -> Result<Value> {
        let body = self.ask("GET", path, "")?;
        serde_json::from_str(&body).with_context(|| format!("the answer to GET {path} is not JSON: {body}"))
    }

    /// Posts an empty object.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str) -> Result<Value> {
        let body = self.ask("POST", path, "{}")?;
        serde_json::from_str(&body).with_context(|| format!("the answer to POST {path} is not JSON: {body}"))
    }

    /// The events that the daemon keeps, oldest first.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn events(&self) -> Result<Vec<Value>> {
        let body = self.ask("GET", "/v1/events", "")?;
        body.lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("no event: {line}")))
            .collect()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let answer = self
            .exchange(method, path, body)
            .with_context(|| format!("{method} {path} on {}", self.socket.display()))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer's head has no end")?;
        let code = head.split(' ').nth(1).unwrap_or_default();
        if code != "200" {
            bail!("the daemon refuses {method} {path}: {code} {body}");
        }
        Ok(body.to_owned())
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let length = body.len();
        stream.write_all(
            format!(
                "{method} {path} HTTP/1.0\r\nHost: interlock\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
