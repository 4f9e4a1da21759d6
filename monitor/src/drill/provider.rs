//! The provider: a TLS server with one volume, which counts every byte that reaches it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionread,
    net::{RecvFlags, recv},
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use super::{
    journal::{Journal, Who},
    request::{self, Request},
};

/// Connections served at the same time, and requests kept; what comes above is closed, and counted all the same.
const LIMIT: usize = 16;
/// Characters of a body in the timeline; the whole body is in the report.
const SHOWN: usize = 200;
/// A connection on which nothing arrives for so long is closed; longer than any drill lasts.
const IDLE: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };
/// A client that does not take its answer.
const WRITE: Duration = Duration::from_secs(5);

/// What the server saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Seen {
    /// Finished TCP handshakes.
    pub tcp_connections: u64,
    /// Bytes that TCP delivered on them, the ClientHello included. 0 means that nothing left the agent.
    pub application_bytes: u64,
    pub requests: Vec<Request>,
    pub volume_deleted: bool,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    /// Open connections: what waits in their buffers has arrived, too.
    open: Vec<(u64, TcpStream)>,
}

/// The server's memory, shared by its threads.
#[derive(Debug)]
pub struct Provider {
    token: String,
    state: Mutex<State>,
    journal: Arc<Journal>,
}

impl Provider {
    /// Listens on `address`; `token` is the one bearer token that it obeys.
    ///
    /// # Errors
    /// The address cannot be bound, or the thread cannot be started.
    pub fn serve(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        token: &str,
        journal: &Arc<Journal>,
    ) -> io::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        let bound = listener.local_addr()?;
        let provider =
            Arc::new(Self { token: token.into(), state: Mutex::default(), journal: Arc::clone(journal) });
        let server = Arc::clone(&provider);
        thread::Builder::new().name("provider".into()).spawn(move || server.accept(&listener, &tls))?;
        Ok((provider, bound))
    }

    /// What has arrived up to now, including what no thread has read yet.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let state = self.lock();
        let mut seen = state.seen.clone();
        seen.application_bytes += state.open.iter().map(|(_, stream)| waiting(stream)).sum::<u64>();
        seen
    }

    fn accept(self: Arc<Self>, listener: &TcpListener, tls: &Arc<ServerConfig>) {
        for stream in listener.incoming().flatten() {
            let Some(number) = self.enter(&stream) else { continue };
            let (provider, tls) = (Arc::clone(&self), Arc::clone(tls));
            let served = thread::Builder::new().name(format!("connection-{number}")).spawn(move || {
                if let Err(why) = provider.connection(stream, tls) {
                    provider.journal.note(Who::Server, format!("connection {number} ended: {why}"));
                }
                provider.leave(number);
            });
            if served.is_err() {
                self.leave(number);
            }
        }
    }

    /// Counts a connection; its number, if it can be served.
    fn enter(&self, stream: &TcpStream) -> Option<u64> {
        let mut state = self.lock();
        state.seen.tcp_connections += 1;
        let number = state.seen.tcp_connections;
        self.journal
            .note(Who::Server, format!("TCP connection {number} is open, nothing has arrived on it yet"));
        if state.open.len() >= LIMIT {
            return None;
        }
        state.open.push((number, stream.try_clone().ok()?));
        Some(number)
    }

    fn leave(&self, number: u64) {
        let mut state = self.lock();
        let unread: u64 =
            state.open.iter().filter(|(n, _)| *n == number).map(|(_, stream)| waiting(stream)).sum();
        state.seen.application_bytes += unread;
        state.open.retain(|(n, _)| *n != number);
    }

    fn connection(self: &Arc<Self>, stream: TcpStream, tls: Arc<ServerConfig>) -> io::Result<()> {
        stream.set_write_timeout(Some(WRITE))?;
        let session = ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut tls = StreamOwned::new(session, Counted { stream, provider: Arc::clone(self) });
        let (request, bearer) = request::read(&mut tls)?;
        let body: String = request.body.chars().take(SHOWN).collect();
        self.journal.note(Who::Server, format!("{} {} {body}", request.method, request.path));
        let (status, answer) = self.decide(request, bearer.as_deref());
        write!(
            tls,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )?;
        tls.conn.send_close_notify();
        tls.flush()
    }

    fn decide(&self, request: Request, bearer: Option<&str>) -> (&'static str, &'static str) {
        let mut state = self.lock();
        let deletes = request.method == "POST" && request.body.contains("volumeDelete");
        if state.seen.requests.len() < LIMIT {
            state.seen.requests.push(request);
        }
        if bearer != Some(&self.token) {
            return ("401 Unauthorized", r#"{"errors":[{"message":"Not Authorized"}]}"#);
        }
        if !deletes {
            return ("400 Bad Request", r#"{"errors":[{"message":"unknown operation"}]}"#);
        }
        state.seen.volume_deleted = true;
        self.journal.note(Who::Server, "volume vol-prod-7 and its backups are deleted");
        ("200 OK", r#"{"data":{"volumeDelete":true}}"#)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes in the socket's receive buffer.
fn waiting(stream: &TcpStream) -> u64 {
    ioctl_fionread(stream).unwrap_or(0)
}

/// A TCP stream that counts what is read, in one step with the reading: [`Provider::seen`] never counts a byte twice
/// and never misses one.
struct Counted {
    stream: TcpStream,
    provider: Arc<Provider>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let readable = poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&IDLE))?;
            if readable == 0 {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing arrived for two minutes"));
            }
            let mut state = self.provider.lock();
            match recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(why) => return Err(why.into()),
                Ok((length, _)) => {
                    state.seen.application_bytes += length as u64;
                    return Ok(length);
                }
            }
        }
    }
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::pem::PemObject};

    use super::{super::certificate, *};

    const NAME: &str = "backboard.railway.app";

    struct Client {
        provider: Arc<Provider>,
        address: SocketAddr,
        trust: Arc<ClientConfig>,
    }

    fn start() -> Client {
        let issued = certificate::issue(NAME).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(issued.authority_pem.as_bytes()).unwrap())
            .unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let trust = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let (provider, address) = Provider::serve(anywhere, issued.server, "right", &Arc::default()).unwrap();
        Client { provider, address, trust: Arc::new(trust) }
    }

    impl Client {
        fn post(&self, token: &str, body: &str) -> String {
            let connection =
                ClientConnection::new(Arc::clone(&self.trust), NAME.try_into().unwrap()).unwrap();
            let mut tls = StreamOwned::new(connection, TcpStream::connect(self.address).unwrap());
            let length = body.len();
            write!(
                tls,
                "POST /graphql/v2 HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            let mut answer = String::new();
            tls.read_to_string(&mut answer).unwrap();
            answer
        }
    }

    #[test]
    fn the_right_token_deletes_and_every_byte_is_counted() {
        let client = start();
        let body = "mutation { volumeDelete(volumeId: \"vol-prod-7\") }";
        assert!(client.post("right", body).ends_with(r#"{"data":{"volumeDelete":true}}"#));
        let seen = client.provider.seen();
        assert!(seen.volume_deleted);
        assert_eq!(seen.requests[0].body, body);
        assert!(seen.application_bytes > body.len() as u64, "TLS only adds: {seen:?}");
    }

    #[test]
    fn a_wrong_token_or_another_operation_deletes_nothing() {
        let client = start();
        assert!(client.post("wrong", "volumeDelete").starts_with("HTTP/1.1 401"));
        assert!(client.post("right", "{ me { id } }").starts_with("HTTP/1.1 400"));
        let seen = client.provider.seen();
        assert_eq!((seen.tcp_connections, seen.volume_deleted, seen.requests.len()), (2, false, 2));
    }

    #[test]
    fn bytes_that_are_not_tls_are_counted_too() {
        let client = start();
        let mut stream = TcpStream::connect(client.address).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // The server hangs up when it has understood that this is not TLS.
        stream.read_to_end(&mut Vec::new()).ok();
        assert_eq!(client.provider.seen().application_bytes, 5);
    }
}
