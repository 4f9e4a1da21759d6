//! Names: an address or a flow → the name it stands for, per session.
//!
//! What a flow says of itself (ClientHello, HTTP request) is stronger than what DNS said before, because it is what
//! the server acts on. What a session can cause to be said decides for nothing: an answer counts fully where a resolver gave
//! it that this machine is configured with (`interlock_host::resolvers`), and only as a warning otherwise. All of it comes from the watched
//! program or from the network: it is parsed by total functions, and every table has a limit.

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
mod identified;
pub mod kept;
mod request;
pub mod stream;

use cache::{NameCache, Weight};
use client_hello::ServerName;
use monitor_common::policy::FlowName;
use stream::TcpStream;

pub use self::identified::{Identified, Shown};

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

/// Names that the sessions' own DNS answers gave, and the DNS connections being read.
#[derive(Debug, Default)]
pub struct Names {
    /// Dangerous names that trusted resolvers gave to anybody.
    claims: NameCache,
    sessions: HashMap<SessionId, Used<NameCache>>,
    streams: HashMap<u64, Used<TcpStream>>,
    counts: Counts,
}

/// Who answers, and what follows from names.
pub struct Answering<'a> {
    /// A resolver that this machine is configured with.
    pub trusted: bool,
    /// How bad a destination of this name would be.
    pub danger: &'a dyn Fn(&str) -> u8,
    /// From here on a name is worse than none.
    pub dangerous: u8,
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

    /// Learns from a packet that came from port 53; returns the number of addresses that were named.
    ///
    /// `payload` is a whole message (UDP; its end may be missing) or a piece of the stream `cookie` (TCP; a piece that
    /// is not whole must go to [`Names::missed`] instead).
    pub fn on_dns(
        &mut self,
        session: SessionId,
        cookie: u64,
        is_tcp: bool,
        payload: &[u8],
        answering: &Answering<'_>,
        now: BootNanos,
    ) -> usize {
        if !is_tcp {
            return self.learn(session, payload, answering, now);
        }
        let stream = self.stream(cookie, now);
        let gave_up_before = stream.gave_up().is_some();
        let messages = stream.push(payload);
        if !gave_up_before && stream.gave_up().is_some() {
            self.counts.streams_given_up += 1;
        }
        messages.iter().map(|message| self.learn(session, message, answering, now)).sum()
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
        Counts { evicted: self.counts.evicted + self.claims.evicted() + evicted, ..self.counts }
    }

    /// Names a flow of `session` to `address`, whose next bytes are `shown`, and which said `kept` when it began.
    #[must_use]
    pub fn identify(
        &self,
        session: SessionId,
        address: IpAddr,
        port: u16,
        shown: Shown<'_>,
        kept: Option<&FlowName>,
        now: BootNanos,
    ) -> Identified {
        let mut found = said(address, port, shown);
        if let Some(kept) = kept {
            if shown.changeable {
                // It is the name that counts, whatever comes later.
                (found.nameless, found.unreadable) = (false, false);
            }
            kept::recall(&mut found, kept);
        }
        let own = found.names.len();
        let answers: Vec<(&str, bool)> =
            self.sessions.get(&session).map(|s| s.value.lookup(address, now).collect()).unwrap_or_default();
        // A flow to a proxy names the proxy's target, which need not have anything to do with the proxy's address.
        found.mismatch |= own > 0
            && found.proxy_target.is_none()
            && !answers.is_empty()
            && found.names.iter().all(|(name, _)| answers.iter().all(|(answer, _)| name != answer));
        // Who could say a name and does not, or has not yet, is nobody that DNS can speak for.
        let speaks_for_itself = found.nameless || found.unfinished || found.unreadable;
        for (answer, trusted) in answers {
            if found.names.iter().any(|(name, _)| name == answer) {
                continue;
            }
            if trusted && !speaks_for_itself {
                found.names.push((answer.to_owned(), NameSource::Dns));
            } else {
                found.rumours.push(answer.to_owned());
            }
        }
        let claims = self.claims.lookup(address, now).map(|(name, _)| name.to_owned());
        if speaks_for_itself {
            found.rumours.extend(claims)
        } else {
            found.claims.extend(claims)
        }
        found
    }

    fn learn(
        &mut self,
        session: SessionId,
        message: &[u8],
        answering: &Answering<'_>,
        now: BootNanos,
    ) -> usize {
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
        for answer in &answers {
            let weight = Weight { danger: (answering.danger)(&answer.name), trusted: answering.trusted };
            self.session(session, now).insert(&answer.name, answer.address, answer.ttl, weight, now);
            if weight.trusted && weight.danger >= answering.dangerous {
                self.claims.insert(&answer.name, answer.address, answer.ttl, weight, now);
            }
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
pub fn said(address: IpAddr, port: u16, shown: Shown<'_>) -> Identified {
    let payload = shown.bytes;
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
            found.unreadable = !found.unfinished && http::is_unreadable(payload);
            if let Some(target) = http::target(payload) {
                if target.asks_a_proxy {
                    found.proxy_target =
                        Some((target.host.to_string(), target.port.unwrap_or(destination.port())));
                }
                if let host::Host::Name(name) = target.host {
                    found.names.push((name, NameSource::Http));
                }
            }
            // Whichever of them a server takes, the most dangerous counts.
            for name in request::hosts(payload) {
                if found.names.iter().all(|(known, _)| *known != name) {
                    found.names.push((name, NameSource::Http));
                }
            }
            if !found.unfinished && found.proxy_target.is_none() && request::is_doubtful(payload) {
                found.unreadable = true;
                found.rumours = found.names.drain(..).map(|(name, _)| name).collect();
            }
        }
        ServerName::Incomplete => found.unfinished = !payload.is_empty(),
        ServerName::None => found.nameless = true,
    }
    // Two servers may take two of its names.
    found.mismatch = found.names.len() > 1;
    if shown.changeable { found.distrusted() } else { found }
}

#[cfg(test)]
mod tests;
