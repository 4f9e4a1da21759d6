//! The client: one connection per request, so that the caller the daemon sees is always this process.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::net::UnixStream;

use super::api::Refusal;

/// Longer than the daemon's own limit, so that its answer about that is heard.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
/// Longest line of an event stream, bytes.
const LINE: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no interlock daemon answers on {}: {source}; start it with `interlock daemon`", .socket.display())]
    NoDaemon { socket: PathBuf, source: io::Error },
    #[error("{} may not be used: {source}", .socket.display())]
    NoAccess { socket: PathBuf, source: io::Error },
    /// The daemon's 403.
    #[error("not permitted: {}", said(.0))]
    NotPermitted(Refusal),
    /// The daemon's 404.
    #[error("{}", said(.0))]
    NotFound(Refusal),
    /// Any other answer that is no success.
    #[error("{}", said(.refusal))]
    Refused { status: u16, refusal: Refusal },
    #[error("the daemon on {} does not speak as expected: {what}", .socket.display())]
    Protocol { socket: PathBuf, what: String },
}

fn said(refusal: &Refusal) -> String {
    match &refusal.hint {
        Some(hint) => format!("{}; {hint}", refusal.error),
        None => refusal.error.clone(),
    }
}

/// A daemon, by its control socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.into() }
    }

    /// # Errors
    /// No daemon, no permission, a refusal, or an answer that is not a `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.within(self.json(Method::GET, path, Bytes::new())).await
    }

    /// # Errors
    /// As [`Client::get`].
    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.protocol(&error))?;
        self.within(self.json(Method::POST, path, body.into())).await
    }

    /// Starts a stream of JSON lines.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn stream(&self, path: &str) -> Result<Lines, ClientError> {
        let response = self.within(self.send(Method::GET, path, Bytes::new())).await?;
        Ok(Lines { body: response.into_body(), buffer: Vec::new(), client: self.clone() })
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, answer);
        answer.await.unwrap_or_else(|_| Err(self.protocol(&"no answer within 35 s")))
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let response = self.send(method, path, body).await?;
        let bytes = response.into_body().collect().await.map_err(|error| self.protocol(&error))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| self.protocol(&error))
    }

    /// A response that is a success.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|source| self.unreachable(source))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.protocol(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "interlock")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.protocol(&error))?;
        let response = sender.send_request(request).await.map_err(|error| self.protocol(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    async fn refused(&self, response: Response<Incoming>) -> ClientError {
        let status = response.status();
        let body = match response.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return self.protocol(&error),
        };
        let Ok(refusal) = serde_json::from_slice::<Refusal>(&body) else {
            return self.protocol(&format_args!("it answered {status} and no reason"));
        };
        match status {
            StatusCode::FORBIDDEN => ClientError::NotPermitted(refusal),
            StatusCode::NOT_FOUND => ClientError::NotFound(refusal),
            _ => ClientError::Refused { status: status.as_u16(), refusal },
        }
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied => ClientError::NoAccess { socket, source },
            _ => ClientError::NoDaemon { socket, source },
        }
    }

    fn protocol(&self, what: &dyn std::fmt::Display) -> ClientError {
        ClientError::Protocol { socket: self.socket.clone(), what: what.to_string() }
    }
}

/// A stream of JSON lines; ends when the daemon ends it.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    client: Client,
}

impl Lines {
    /// The next line's value; `None` at the end.
    ///
    /// # Errors
    /// When the stream breaks, or a line is not JSON or longer than 1 MiB.
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(|error| self.client.protocol(&error));
            }
            if self.buffer.len() > LINE {
                return Err(self.client.protocol(&"a line is longer than 1 MiB"));
            }
            match self.body.frame().await {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(self.client.protocol(&"the last line is cut off")),
                Some(Err(error)) => return Err(self.client.protocol(&error)),
                Some(Ok(frame)) => self.buffer.extend(frame.data_ref().into_iter().flatten()),
            }
        }
    }
}
