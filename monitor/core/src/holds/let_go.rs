//! Connections that were held and let go on: whether anything of them left since, and how they ended. Each is followed from its yes to
//! its end, so that nobody has to take the one for the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FlowKey;
use crate::facts::{BootNanos, Destination};

/// Connections that are followed at once, of all sessions and of one: as many as a person could not approve, and grants may let on more.
/// What is above has an unknown end.
pub const MAX: usize = 1024;
pub const OF_SESSION: usize = 256;

/// A connection that was let go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// An earlier version saved the cookie alone.
    #[serde(flatten)]
    pub key: FlowKey,
    /// Raw session id.
    pub session: u64,
    /// The process that opened it, as far as it is known.
    pub pid: u32,
    pub destination: Destination,
    /// The hold that a person approved, as `h7`.
    pub hold: Option<String>,
    /// What said yes to it before it was asked about: a grant's giver, a suspension.
    pub grant: Option<String>,
    pub since: BootNanos,
    /// Bytes that had left when that was told first; 0: nothing had.
    #[serde(rename = "bytes")]
    pub committed: u64,
    /// Bytes that had left when it was looked at last. Not written down: the next daemon asks the kernel, and a file is not written
    /// anew for as long as somebody sends.
    #[serde(skip)]
    pub bytes: u64,
}

impl LetGo {
    /// As it is written down.
    #[must_use]
    pub fn saved(&self) -> Self {
        Self { bytes: self.committed, ..self.clone() }
    }
}

/// What the kernel says of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that have left since it was let go on.
    pub bytes: u64,
    /// There may have been more.
    pub at_least: bool,
    pub end: Option<End>,
}

/// How it ended. What nobody saw is unknown, and says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Its program closed it first.
    Closed,
    /// The other side closed it first.
    ClosedThere,
    /// Its program, or the kernel for it, gave it up (RST).
    Reset,
    ResetThere,
    /// It was over before its program closed it, and nobody said so: no answer came, or it was given up.
    Lost,
    /// Closed, and what was queued is held: its session had touched more meanwhile.
    Held,
    /// It is asked about again, so that this yes says nothing about what it sends from now on.
    AskedAgain,
    /// Its socket has another connection.
    Reconnected,
    /// It was closed, or led elsewhere, before it was let go on.
    Gone,
    Unknown(&'static str),
}

impl End {
    /// As records and events have it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ClosedThere => "closed-there",
            Self::Reset => "reset",
            Self::ResetThere => "reset-there",
            Self::Lost => "lost",
            Self::Held => "held",
            Self::AskedAgain => "asked-again",
            Self::Reconnected => "reconnected",
            Self::Gone => "gone",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// All that are followed. One socket may have been let go on to several places, one after the other.
#[derive(Debug, Default)]
pub struct AllLetGo(BTreeMap<FlowKey, LetGo>);

impl AllLetGo {
    /// Follows one; says what is in the way where there is no room.
    pub(crate) fn follow(&mut self, flow: &LetGo) -> Result<(), &'static str> {
        if self.0.len() >= MAX {
            return Err("more connections are followed than there is room for");
        }
        if self.0.values().filter(|other| other.session == flow.session).count() >= OF_SESSION {
            return Err("more connections of its session are followed than it has room for");
        }
        self.0.insert(flow.key, flow.clone());
        Ok(())
    }

    #[must_use]
    pub fn get(&self, key: &FlowKey) -> Option<&LetGo> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &FlowKey) -> Option<&mut LetGo> {
        self.0.get_mut(key)
    }

    pub(crate) fn take(&mut self, key: &FlowKey) -> Option<LetGo> {
        self.0.remove(key)
    }

    #[must_use]
    pub fn follows(&self, key: &FlowKey) -> bool {
        self.0.contains_key(key)
    }

    /// Those of one socket.
    #[must_use]
    pub fn of_socket(&self, cookie: u64) -> Vec<FlowKey> {
        let first = FlowKey { cookie, ..FlowKey::default() };
        let last = FlowKey { cookie, address: [u8::MAX; 16], port: u16::MAX };
        self.0.range(first..=last).map(|(key, _)| *key).collect()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &LetGo> {
        self.0.values()
    }
}
