//! The few requests that the drill makes of its own daemon, blocking, over the Unix socket.
//!
//! It speaks HTTP/1.0, where an answer ends with its connection, so that nothing here has to understand chunks. The
//! command line's client is `control::client`; the drill has no runtime to run it in.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control::api::Refusal;

/// For one read or write; the daemon answers in milliseconds.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer; the daemon keeps a bounded number of events.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The daemon is there, and says no.
#[derive(Debug, thiserror::Error)]
#[error("the drill's daemon refuses {what}: {why}")]
pub struct Refused {
    what: String,
    why: String,
}

pub struct Client {
    socket: PathBuf,
}

impl Client {
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// # Errors
    /// The daemon cannot be reached, refuses, or answers with something else.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.ask("GET", path, "")?;
        serde_json::from_str(&body)
            .with_context(|| format!("the daemon's answer to GET {path} is not understood"))
    }

    /// Posts an empty object.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.ask("POST", path, "{}")?;
        serde_json::from_str(&body)
            .with_context(|| format!("the daemon's answer to POST {path} is not understood"))
    }

    /// The events that the daemon keeps, oldest first.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn events(&self) -> Result<Vec<Value>> {
        let body = self.ask("GET", "/v1/events", "")?;
        let lines = body.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| serde_json::from_str(line).with_context(|| format!("no event: {line}"))).collect()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: interlock\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self
            .exchange(&request)
            .with_context(|| format!("{method} {path} on {}", self.socket.display()))?;
        let (head, body) =
            answer.split_once("\r\n\r\n").context("the daemon's answer has no end of its head")?;
        match status(head)? {
            200..300 => Ok(body.to_owned()),
            code => Err(Refused { what: format!("{method} {path}"), why: reason(code, body) }.into()),
        }
    }

    fn exchange(&self, request: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn status(head: &str) -> Result<u16> {
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let Some(code) = code else { bail!("the daemon's answer is not HTTP: {head}") };
    Ok(code)
}

fn reason(code: u16, body: &str) -> String {
    match serde_json::from_str::<Refusal>(body) {
        Ok(Refusal { error, hint: Some(hint) }) => format!("{error} ({hint})"),
        Ok(Refusal { error, hint: None }) => error,
        Err(_) => format!("status {code}: {}", body.trim()),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    /// A client, and what its one request will say once it is answered with `answer`.
    fn answering(answer: &'static str) -> (tempfile::TempDir, Client, thread::JoinHandle<String>) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (dir, Client::new(&socket), server)
    }

    #[test]
    fn a_post_and_its_answer() {
        let (_dir, client, server) = answering("HTTP/1.0 200 OK\r\nx: y\r\n\r\n{\"id\":\"h1\"}");
        let value: Value = client.post("/v1/holds/h1/approve").unwrap();
        assert_eq!(value["id"], "h1");
        let request = server.join().unwrap();
        assert!(
            request.starts_with("POST /v1/holds/h1/approve HTTP/1.0\r\n") && request.ends_with("\r\n\r\n{}")
        );
    }

    /// The daemon's server is axum, and its events a stream of unknown length.
    #[test]
    fn a_streamed_answer_of_the_real_server_library_comes_whole() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(async { tokio::net::UnixListener::bind(&socket) }).unwrap();
        let lines = || async {
            let parts = (1..=1000).map(|n| Ok::<_, std::io::Error>(format!("{{\"n\":{n}}}\n")));
            axum::body::Body::from_stream(futures_util::stream::iter(parts))
        };
        let routes = axum::Router::new().route("/v1/events", axum::routing::get(lines));
        runtime.spawn(async { axum::serve(listener, routes).await });

        let events = Client::new(&socket).events().unwrap();
        assert_eq!((events.len(), events[999]["n"].as_u64()), (1000, Some(1000)));
    }

    #[test]
    fn a_refusal_is_told_with_its_hint() {
        let answer =
            "HTTP/1.0 403 Forbidden\r\n\r\n{\"error\":\"an agent asks\",\"hint\":\"use another terminal\"}";
        let (_dir, client, _) = answering(answer);
        let why = client.get::<Value>("/v1/holds").unwrap_err();
        assert!(why.is::<Refused>());
        let why = why.to_string();
        assert!(
            why.contains("GET /v1/holds") && why.contains("an agent asks (use another terminal)"),
            "{why}"
        );
    }
}
