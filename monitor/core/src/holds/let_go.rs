//! Connections that were held and let go on: whether anything of them left since, and how they ended. Each is followed from its yes to
//! its end, so that nobody has to take the one for the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::{BootNanos, Destination};

/// Connections that are followed at once: as many as a person could not approve, and grants may let on more. What is above it has an
/// unknown end.
pub const MAX: usize = 1024;

/// A connection that was let go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    pub cookie: u64,
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
    /// Bytes that had left when it was looked at last; the first of them are in the ledger.
    pub bytes: u64,
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

/// All that are followed, by their sockets' cookies.
#[derive(Debug, Default)]
pub struct AllLetGo(BTreeMap<u64, LetGo>);

impl AllLetGo {
    /// Follows one; gives it back where there is no room.
    pub(crate) fn follow(&mut self, flow: LetGo) -> Option<LetGo> {
        if self.0.len() >= MAX {
            return Some(flow);
        }
        self.0.insert(flow.cookie, flow);
        None
    }

    #[must_use]
    pub fn get(&self, cookie: u64) -> Option<&LetGo> {
        self.0.get(&cookie)
    }

    pub(crate) fn get_mut(&mut self, cookie: u64) -> Option<&mut LetGo> {
        self.0.get_mut(&cookie)
    }

    pub(crate) fn take(&mut self, cookie: u64) -> Option<LetGo> {
        self.0.remove(&cookie)
    }

    #[must_use]
    pub fn follows(&self, cookie: u64) -> bool {
        self.0.contains_key(&cookie)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &LetGo> {
        self.0.values()
    }
}
