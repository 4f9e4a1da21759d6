//! A time in which nothing of a session is stopped, and everything is told.

use serde::{Deserialize, Serialize};

use crate::{facts::BootNanos, record::Who};

/// Who asked for it, and so how far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// An admin, for whatever session.
    BreakGlass,
    /// A person, for a session of their own.
    Pause,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::BreakGlass, Self::Pause];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::Pause => "pause",
        }
    }
}

/// It ends by itself. Its deadline is of the boot clock: that goes on while the machine sleeps, nobody sets it, and the next daemon
/// of the same boot reads it as this one does; after another boot the session is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    pub way: Way,
    pub since: BootNanos,
    pub until: BootNanos,
    pub who: Who,
    pub reason: String,
}

impl Suspension {
    #[must_use]
    pub fn is_over(&self, now: BootNanos) -> bool {
        now >= self.until
    }

    /// As events and records name what lets something go on by it: `break-glass by uid 0`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} by {}", self.way.word(), self.who.text())
    }
}
