//! The other end of every connection: each name has an address of its own, and a server that refuses every login.

mod answer;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use interlock::drill::{
    certificate::{self, Authority},
    resolver::{Answer, Zone},
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};

use crate::{
    agents::model::{Exchange, Script},
    token,
};

/// Where names lead (RFC 2544: benchmarks); the route makes all of it this machine's.
pub const NETWORK: &str = "198.18.0.0/15";
/// Where a server listens, on every address.
const PORTS: [u16; 8] = [443, 80, 8443, 8080, 5432, 3306, 6379, 9440];
/// A client that says nothing, or takes no answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(4);
/// The same for an agent, whose connections may be held for a while.
const AGENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a slow host takes.
const SLOW: Duration = Duration::from_millis(1500);
/// Bytes of a request that are looked at; an agent sends its whole conversation.
const LIMIT: usize = 8 * 1024 * 1024;

/// What one connection brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Of the ClientHello, else of the Host header, else what the address stands for.
    pub host: String,
    pub port: u16,
    /// `GET /v1/projects`; empty for what is not HTTP.
    pub line: String,
    /// The tags of the fake logins in it.
    pub tokens: Vec<String>,
}

/// A connection, by what its address stands for, and whether anything came on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    pub host: String,
    /// At least one byte after TCP's handshake.
    pub data: bool,
}

/// What the stub knows.
#[derive(Debug, Default)]
pub struct Memory {
    answers: BTreeMap<String, String>,
    script: Option<Script>,
    names: Mutex<BTreeMap<String, Ipv4Addr>>,
    requests: Mutex<Vec<Request>>,
    exchanges: Mutex<Vec<Exchange>>,
    arrived: Mutex<Vec<Arrived>>,
}

impl Zone for Memory {
    fn look_up(&self, name: &str, asked: bool) -> Answer {
        let mut names = lock(&self.names);
        let next = u32::try_from(names.len()).unwrap_or_default() + 2;
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + next);
        match names.get(name) {
            Some(address) => Answer::Address(*address),
            None if !asked => Answer::Address(address),
            None => Answer::Address(*names.entry(name.to_owned()).or_insert(address)),
        }
    }
}

impl Memory {
    /// `answers`: what is not refused, by `METHOD /PATH`; `script`: what the model says where the client is an agent.
    #[must_use]
    pub fn new(answers: BTreeMap<String, String>, script: Option<Script>) -> Self {
        Self { answers, script, ..Self::default() }
    }

    /// Every name that was asked for, and its address.
    #[must_use]
    pub fn names(&self) -> BTreeMap<String, Ipv4Addr> {
        lock(&self.names).clone()
    }

    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// What the model was asked.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.exchanges).clone()
    }

    /// Every connection.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        lock(&self.arrived).clone()
    }

    /// The model's answer, or the one that the data file has, or a refusal.
    fn answer(&self, head: &answer::Head, bytes: &[u8]) -> Vec<u8> {
        if let Some(body) = self.answers.get(&head.line) {
            return head.answer("200 OK", body);
        }
        let Some(script) = &self.script else { return head.refusal() };
        match script.answer(&head.line, &answer::body(bytes)) {
            Some(reply) => {
                lock(&self.exchanges).push(reply.exchange);
                head.typed("200 OK", reply.content_type, &reply.body)
            }
            // What an agent asks besides its model is not there; a refused login would be a reason to stop.
            None => head.answer("404 Not Found", "{}"),
        }
    }

    fn name(&self, address: IpAddr) -> String {
        let names = lock(&self.names);
        let found = names.iter().find(|(_, known)| IpAddr::V4(**known) == address);
        found.map_or_else(|| address.to_string(), |(name, _)| name.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A certificate for whatever name is asked for; made once.
#[derive(Debug)]
struct AnyName {
    authority: Authority,
    made: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for AnyName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("unnamed.invalid").to_ascii_lowercase();
        let mut made = lock(&self.made);
        if let Some(known) = made.get(&name) {
            return Some(Arc::clone(known));
        }
        let new = Arc::new(self.authority.certify(&name).ok()?);
        made.insert(name, Arc::clone(&new));
        Some(new)
    }
}

/// Listens on all of [`PORTS`] at `address`, from threads that live as long as the process.
///
/// # Errors
/// A port cannot be bound, or a thread cannot be started.
pub fn serve(address: Ipv4Addr, ports: &[u16], authority: Authority, memory: &Arc<Memory>) -> Result<()> {
    let tls = certificate::choosing(Arc::new(AnyName { authority, made: Mutex::default() }))?;
    for port in if ports.is_empty() { &PORTS } else { ports } {
        let listener = TcpListener::bind(SocketAddr::from((address, *port)))
            .with_context(|| format!("port {port} cannot be bound"))?;
        let (tls, memory) = (Arc::clone(&tls), Arc::clone(memory));
        thread::Builder::new()
            .name(format!("port-{port}"))
            .spawn(move || accept(&listener, &tls, &memory))
            .context("no thread for a port")?;
    }
    Ok(())
}

fn accept(listener: &TcpListener, tls: &Arc<ServerConfig>, memory: &Arc<Memory>) {
    for stream in listener.incoming().flatten() {
        let (tls, memory) = (Arc::clone(tls), Arc::clone(memory));
        // Where no thread can be had, the connection is closed; the trace knows of it all the same.
        let _ = thread::Builder::new().name("connection".into()).spawn(move || {
            // A client that goes away in the middle is its own loss.
            let _ = connection(stream, tls, &memory);
        });
    }
}

fn connection(stream: TcpStream, tls: Arc<ServerConfig>, memory: &Memory) -> io::Result<()> {
    let timeout = if memory.script.is_some() { AGENT_TIMEOUT } else { CLIENT_TIMEOUT };
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let local = stream.local_addr()?;
    let number = {
        let mut arrived = lock(&memory.arrived);
        arrived.push(Arrived { host: memory.name(local.ip()), data: false });
        arrived.len() - 1
    };
    let mut first = [0];
    if stream.peek(&mut first)? == 0 {
        return Ok(());
    }
    if let Some(arrived) = lock(&memory.arrived).get_mut(number) {
        arrived.data = true;
    }
    if first != [0x16] {
        return conversation(stream, memory, &memory.name(local.ip()), local.port());
    }
    let mut session = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = stream;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    let name = session.server_name().map_or_else(|| memory.name(local.ip()), str::to_owned);
    conversation(StreamOwned::new(session, stream), memory, &name, local.port())
}

/// Requests on one connection, until the client ends it; each is refused.
fn conversation(mut stream: impl Read + Write, memory: &Memory, name: &str, port: u16) -> io::Result<()> {
    for _ in 0..64 {
        let bytes = request(&mut stream)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let head = answer::Head::read(&bytes);
        let host = match &head.host {
            Some(host) if name.parse::<Ipv4Addr>().is_ok() => host.clone(),
            _ => name.to_owned(),
        };
        let tokens = token::found(&bytes);
        lock(&memory.requests).push(Request { host, port, line: head.line.clone(), tokens });
        if !head.is_http() {
            return Ok(());
        }
        if memory.script.as_ref().is_some_and(|script| script.slow == name) {
            thread::park_timeout(SLOW);
        }
        stream.write_all(&memory.answer(&head, &bytes))?;
        stream.flush()?;
    }
    Ok(())
}

/// A request's head and body, or what came before the client fell silent.
fn request(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    while !answer::is_whole(&bytes) && bytes.len() < LIMIT {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(part.get(..length).unwrap_or_default()),
            // What has come is told; the rest may never come.
            Err(_) if !bytes.is_empty() => break,
            Err(why) => return Err(why),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
