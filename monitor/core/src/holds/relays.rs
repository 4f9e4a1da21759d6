//! Relays: an agent's sandbox takes a command's connection on loopback and passes it on, over a proxy or two, until the
//! agent itself connects to the host. A person is asked about that request once.
//!
//! What was approved of one hop counts for one next hop: of the same session, to the same name, under the same rule, within
//! seconds, made by another process. Whoever takes it instead of the relay gains one connection to a host that a person has
//! just let the session speak with, and the relay then asks.

use std::time::Duration;

use super::held::HeldFlow;
use crate::facts::{BootNanos, Destination};

/// How long an approved hop speaks for the next one.
pub const REACH: Duration = Duration::from_secs(10);
/// Hops at once; above it, the oldest is forgotten and its relay asks.
const MAX: usize = 256;

/// A connection to a relay that was let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub session: u64,
    pub rule: String,
    /// Of the host that it is for in the end.
    pub name: String,
    /// The process that made it.
    pub pid: u32,
    pub cookie: u64,
    /// When a person, or a grant, let it through.
    pub since: BootNanos,
    pub by: String,
}

impl Hop {
    fn is_about(&self, asked: &Self) -> bool {
        (self.session, &self.rule, &self.name) == (asked.session, &asked.rule, &asked.name)
    }
}

/// Hops whose next one is awaited.
#[derive(Debug, Default)]
pub struct Relays(Vec<Waited>);

#[derive(Debug)]
struct Waited {
    hop: Hop,
    /// Its next hop was made.
    followed: bool,
}

impl Relays {
    pub fn expect(&mut self, hop: Hop) {
        if self.0.len() >= MAX {
            self.0.remove(0);
        }
        self.0.push(Waited { hop, followed: false });
    }

    /// The hop that `asked` goes on from, or is: the inside of a tunnel names its host again.
    pub fn before(&mut self, asked: &Hop, now: BootNanos) -> Option<&Hop> {
        self.0.retain(|waited| now.since(waited.hop.since) < REACH);
        let same = |waited: &Waited| waited.hop.is_about(asked) && waited.hop.cookie == asked.cookie;
        let next =
            |waited: &Waited| waited.hop.is_about(asked) && waited.hop.pid != asked.pid && !waited.followed;
        let place = self.0.iter().position(same).or_else(|| {
            let place = self.0.iter().position(next)?;
            self.0.get_mut(place)?.followed = true;
            Some(place)
        })?;
        self.0.get(place).map(|waited| &waited.hop)
    }

    pub fn forget(&mut self, session: u64) {
        self.0.retain(|waited| waited.hop.session != session);
    }
}

/// Whether a connection goes to a proxy on this machine, that is asked for another host: what it is for has another port than
/// it has itself.
#[must_use]
pub fn is_relayed(flow: &HeldFlow, destination: &Destination) -> bool {
    let address = std::net::IpAddr::from(flow.address).to_canonical();
    destination.name.is_some() && address.is_loopback() && destination.port != flow.port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(pid: u32, cookie: u64, name: &str) -> Hop {
        let (rule, by) = ("infra".to_owned(), "uid 0".to_owned());
        Hop { session: 1, rule, name: name.to_owned(), pid, cookie, since: BootNanos(0), by }
    }

    #[test]
    fn one_approved_hop_speaks_for_one_next_hop_of_another_process() {
        let mut relays = Relays::default();
        relays.expect(hop(10, 1, "api.example"));
        let now = BootNanos(1);
        assert!(
            relays.before(&hop(10, 2, "api.example"), now).is_none(),
            "a second request of the same program"
        );
        assert!(relays.before(&hop(11, 3, "other.example"), now).is_none(), "another host");
        assert!(relays.before(&Hop { rule: "x".into(), ..hop(11, 3, "api.example") }, now).is_none());
        assert!(relays.before(&Hop { session: 2, ..hop(11, 3, "api.example") }, now).is_none());
        assert!(relays.before(&hop(11, 3, "api.example"), now).is_some());
        assert!(relays.before(&hop(12, 4, "api.example"), now).is_none(), "it was made");
    }

    #[test]
    fn the_inside_of_a_tunnel_is_the_same_hop() {
        let mut relays = Relays::default();
        relays.expect(hop(10, 1, "api.example"));
        for _ in 0..2 {
            assert!(relays.before(&hop(10, 1, "api.example"), BootNanos(1)).is_some());
        }
        assert!(relays.before(&hop(10, 1, "other.example"), BootNanos(1)).is_none());
    }

    #[test]
    fn a_hop_is_forgotten_after_seconds_and_with_its_session() {
        let mut relays = Relays::default();
        relays.expect(hop(10, 1, "api.example"));
        let late = BootNanos(0).plus(REACH);
        assert!(relays.before(&hop(11, 3, "api.example"), late).is_none());
        relays.expect(hop(10, 1, "api.example"));
        relays.forget(1);
        assert!(relays.before(&hop(11, 3, "api.example"), BootNanos(1)).is_none());
    }
}
