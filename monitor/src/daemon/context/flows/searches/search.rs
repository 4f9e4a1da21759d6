//! A search among descriptors, as it is made at once and by the thread.

use std::collections::HashMap;

use crate::daemon::context::flows::connections::{Had, Shared};
use interlock_host::{
    enforcement::flow::{self, Errand},
    proc::descriptors::Bounds,
};

/// What is left for the thread.
pub enum Search {
    /// The socket of a decided flow, among these processes.
    Flow { pids: Vec<u32>, cookie: u64, errand: Errand },
    /// The connections that a process has, and the processes that it may have them from.
    Connections { pid: u32, creators: Vec<u32> },
}

impl Search {
    pub fn purpose(&self) -> &'static str {
        match self {
            Self::Flow { errand, .. } => purpose(*errand),
            Self::Connections { .. } => "connections",
        }
    }
}

/// Label of the metric.
pub fn purpose(errand: Errand) -> &'static str {
    match errand {
        Errand::Push => "release",
        Errand::Reset { .. } => "reset",
    }
}

pub fn reach(pids: &[u32], errands: &mut HashMap<u64, Errand>, bounds: &mut Bounds) {
    for (cookie, errand, done) in flow::reach(pids, errands, bounds) {
        match (errand, done) {
            (_, Ok(())) => {}
            (Errand::Push, Err(error)) => {
                tracing::debug!(cookie, %error, "not a TCP socket: its next packet passes");
            }
            (Errand::Reset { .. }, Err(error)) => {
                tracing::warn!(cookie, %error, "the connection cannot be reset; its data stays held");
            }
        }
    }
    if !bounds.were_met() && !errands.is_empty() {
        // TCP's own timer sends what was released. That can take as long as the flow was held.
        tracing::debug!(cookies = ?errands.keys(), "no process has these sockets; what TCP still holds follows the verdict");
    }
}

pub fn had(pid: u32, creators: &[u32], bounds: &mut Bounds) -> Had {
    let connections = flow::connections(pid, bounds);
    if connections.is_empty() {
        return Had { pid, ..Had::default() };
    }
    let mut others: HashMap<u64, Vec<u32>> = HashMap::new();
    for creator in creators {
        for number in flow::numbers(*creator, bounds) {
            others.entry(number).or_default().push(*creator);
        }
    }
    let mut had = Had { pid, ..Had::default() };
    for connection in connections {
        match others.get(&connection.number) {
            Some(holders) => had.shared.push(Shared { connection, holders: holders.clone() }),
            None => had.own.push(connection),
        }
    }
    had
}
