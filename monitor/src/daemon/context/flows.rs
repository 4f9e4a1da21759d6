//! Connections: their names, who waits for what, and the searches for their sockets.

pub mod connections;
pub mod greetings;
pub mod partial_requests;
pub mod searches;
pub mod turned_away;

use std::{collections::HashMap, time::Duration};

use crate::daemon::context::flows::{
    greetings::Greetings, partial_requests::PartialRequests, searches::Searches, turned_away::TurnedAway,
};
use interlock_core::{
    facts::{BootNanos, SessionId},
    holds::HeldCaller,
    names::Names,
};
use interlock_host::resolvers::Resolvers;

/// Connections of sessions.
pub struct Flows {
    pub names: Names,
    pub resolvers: Resolvers,
    pub partial_requests: PartialRequests,
    pub greetings: Greetings,
    /// Which process of a session holds a listening socket, by the socket's inode.
    pub listeners: HashMap<(SessionId, u64), u32>,
    /// Sockets whose queued data must stay held although everybody closed them, until TCP gives up.
    pub lingering: HashMap<u64, BootNanos>,
    /// Processes that are stopped until it is known whose the connections are that they were sent.
    pub receivers: HashMap<u32, HeldCaller>,
    pub searches: Searches,
    pub turned_away: TurnedAway,
    /// When it is looked at next what has left of those that were let go on.
    pub next_look: BootNanos,
}

/// How long after a yes its first bytes are looked for.
const SOON: Duration = Duration::from_millis(20);

impl Flows {
    pub fn new(resolvers: Resolvers, searches: Searches, lingering: HashMap<u64, BootNanos>) -> Self {
        Self {
            names: Names::new(),
            resolvers,
            partial_requests: PartialRequests::default(),
            greetings: Greetings::default(),
            listeners: HashMap::new(),
            lingering,
            receivers: HashMap::new(),
            searches,
            turned_away: TurnedAway::default(),
            next_look: BootNanos(0),
        }
    }

    /// One was let go on.
    pub fn look_soon(&mut self, now: BootNanos) {
        self.next_look = self.next_look.min(now.plus(SOON));
    }
}
