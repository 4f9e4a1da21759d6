//! Names: an address or a flow → the name it stands for, per session.
//!
//! What a flow says of itself (ClientHello, HTTP request) is stronger than what DNS said before, because it is what
//! the server acts on. All of it comes from the watched program or from the network: it is parsed by total functions,
//! and every table has a limit.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use crate::facts::{BootNanos, NameSource, SessionId};

pub mod cache;
pub mod client_hello;
pub mod dns;
pub mod host;
pub mod http;
pub mod kept;
pub mod stream;

use cache::NameCache;
use client_hello::ServerName;
use monitor_common::policy::FlowName;
use stream::TcpStream;

/// Sessions whose names are remembered; above it, the one that was used longest ago is forgotten and counted.
pub const MAX_SESSIONS: usize = 1024;
/// DNS connections followed at once; above it, the one that was used longest ago is given up and counted.
pub const MAX_STREAMS: usize = 128;

/// What could not be done, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// DNS messages that could not be parsed.
    pub malformed: u64,
    /// DNS connections that were given up: a piece was missing, the framing made no sense, or there were too many.
    pub streams_given_up: u64,
    /// Addresses or names that made room for newer ones.
    pub evicted: u64,
    /// Sessions that made room for newer ones.
    pub sessions_evicted: u64,
}

/// What is known about the name of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identified {
    /// Strongest first: the flow's own names, then those that DNS gave for the address, newest first; no repetitions.
    pub names: Vec<(String, NameSource)>,
    /// The flow says one name, and DNS gave the session only others for this address.
    pub mismatch: bool,
    /// The ClientHello carries an encrypted one, or what clients send to look as if (GREASE).
    pub encrypted_hello: bool,
    /// The flow has begun to say who it is for, and the name has not come yet.
    pub unfinished: bool,
    /// Where a proxy is asked to connect to: a host name or an address, and the port.
    pub proxy_target: Option<(String, u16)>,
}

/// Names that the sessions' own DNS answers gave, and the DNS connections being read.
#[derive(Debug, Default)]
pub struct Names {
    sessions: HashMap<SessionId, Used<NameCache>>,
    streams: HashMap<u64, Used<TcpStream>>,
    counts: Counts,
}

#[derive(Debug)]
struct Used<T> {
    value: T,
    last: BootNanos,
}

impl Names {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns from a packet that came from port 53; gives the number of addresses that were named.
    ///
    /// `payload` is a whole message (UDP; its end may be missing) or a piece of the stream `cookie` (TCP; a piece that
    /// is not whole must go to [`Names::missed`] instead).
    pub fn on_dns(
        &mut self,
        session: SessionId,
        cookie: u64,
        is_tcp: bool,
        payload: &[u8],
        now: BootNanos,
    ) -> usize {
        if !is_tcp {
            return self.learn(session, payload, now);
        }
        let stream = self.stream(cookie, now);
        let gave_up_before = stream.gave_up().is_some();
        let messages = stream.push(payload);
        if !gave_up_before && stream.gave_up().is_some() {
            self.counts.streams_given_up += 1;
        }
        messages.iter().map(|message| self.learn(session, message, now)).sum()
    }

    /// A piece of the DNS connection `cookie` was lost or cut short: what follows cannot be framed.
    pub fn missed(&mut self, cookie: u64, now: BootNanos) {
        let stream = self.stream(cookie, now);
        if stream.gave_up().is_none() {
            stream.give_up(stream::GaveUp::Missed);
            self.counts.streams_given_up += 1;
        }
    }

    /// The session has ended.
    pub fn forget(&mut self, session: SessionId) {
        if let Some(ended) = self.sessions.remove(&session) {
            self.counts.evicted += ended.value.evicted();
        }
    }

    /// The socket `cookie` was closed.
    pub fn close(&mut self, cookie: u64) {
        self.streams.remove(&cookie);
    }

    /// What could not be done, since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let evicted: u64 = self.sessions.values().map(|session| session.value.evicted()).sum();
        Counts { evicted: self.counts.evicted + evicted, ..self.counts }
    }

    /// Names a flow of `session` to `address`, whose next bytes are `payload` (possibly cut short, possibly none), and which
    /// said `kept` when it began.
    #[must_use]
    pub fn identify(
        &self,
        session: SessionId,
        address: IpAddr,
        port: u16,
        payload: &[u8],
        kept: Option<&FlowName>,
        now: BootNanos,
    ) -> Identified {
        let mut found = said(address, port, payload);
        if let Some(kept) = kept {
            kept::recall(&mut found, kept);
        }
        let own = found.names.len();
        let answers: Vec<&str> =
            self.sessions.get(&session).map(|s| s.value.lookup(address, now).collect()).unwrap_or_default();
        // A flow to a proxy names the proxy's target, which need not have anything to do with the proxy's address.
        found.mismatch |= own > 0
            && found.proxy_target.is_none()
            && !answers.is_empty()
            && found.names.iter().all(|(name, _)| !answers.contains(&name.as_str()));
        for answer in answers {
            if found.names.iter().all(|(name, _)| name != answer) {
                found.names.push((answer.to_owned(), NameSource::Dns));
            }
        }
        found
    }

    fn learn(&mut self, session: SessionId, message: &[u8], now: BootNanos) -> usize {
        let answers = match dns::answers(message) {
            // Whatever answers on this machine itself is not what the name stands for elsewhere.
            Ok(answers) => {
                answers.into_iter().filter(|answer| !answer.address.is_loopback()).collect::<Vec<_>>()
            }
            Err(fault) => {
                tracing::debug!(%session, %fault, "a DNS answer was not understood");
                self.counts.malformed += 1;
                return 0;
            }
        };
        if answers.is_empty() {
            return 0;
        }
        let cache = self.session(session, now);
        for answer in &answers {
            cache.insert(&answer.name, answer.address, answer.ttl, now);
        }
        answers.len()
    }

    fn session(&mut self, session: SessionId, now: BootNanos) -> &mut NameCache {
        if self.sessions.len() >= MAX_SESSIONS
            && !self.sessions.contains_key(&session)
            && let Some(oldest) = longest_unused(&self.sessions)
        {
            self.forget(oldest);
            self.counts.sessions_evicted += 1;
        }
        touch(&mut self.sessions, session, now)
    }

    fn stream(&mut self, cookie: u64, now: BootNanos) -> &mut TcpStream {
        if self.streams.len() >= MAX_STREAMS
            && !self.streams.contains_key(&cookie)
            && let Some(oldest) = longest_unused(&self.streams)
        {
            self.streams.remove(&oldest);
            self.counts.streams_given_up += 1;
        }
        touch(&mut self.streams, cookie, now)
    }
}

fn touch<K: std::hash::Hash + Eq, V: Default>(
    table: &mut HashMap<K, Used<V>>,
    key: K,
    now: BootNanos,
) -> &mut V {
    let entry = table.entry(key).or_insert_with(|| Used { value: V::default(), last: now });
    entry.last = now;
    &mut entry.value
}

fn longest_unused<K: Copy, V>(table: &HashMap<K, Used<V>>) -> Option<K> {
    table.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| *key)
}

/// What a flow to `address` and `port` says of itself by these bytes alone.
#[must_use]
pub fn said(address: IpAddr, port: u16, payload: &[u8]) -> Identified {
    let destination = SocketAddr::new(address, port);
    let hello = client_hello::server_name(payload);
    let mut found = Identified { encrypted_hello: hello.encrypted, ..Identified::default() };
    match hello.server_name {
        ServerName::Found(name) => {
            found.names.push((name, NameSource::ServerName));
            found.names.extend(hello.further.into_iter().map(|name| (name, NameSource::ServerName)));
        }
        ServerName::NotTls => {
            found.unfinished = http::is_unfinished(payload);
            if let Some(target) = http::target(payload) {
                if target.asks_a_proxy {
                    found.proxy_target =
                        Some((target.host.to_string(), target.port.unwrap_or(destination.port())));
                }
                if let host::Host::Name(name) = target.host {
                    found.names.push((name, NameSource::Http));
                }
            }
        }
        ServerName::Incomplete => found.unfinished = !payload.is_empty(),
        ServerName::None => {}
    }
    found
}

#[cfg(test)]
mod tests;
