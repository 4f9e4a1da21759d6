//! What a proof finds out, and the session in which it tries.

use crate::probes::table::{Backend, Feature};
use interlock_core::facts::SessionId;

/// The proof's own session. No process can have it: pids end at 2^22. Its records are nobody's business.
pub const SESSION: SessionId = SessionId(u64::MAX);

/// What the proof has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Proven,
    /// It was tried, and was not as promised.
    NotProven(String),
    /// It could not be tried.
    NotTried(String),
}

impl Finding {
    pub(super) fn not_proven(reason: &str) -> Self {
        Self::NotProven(reason.into())
    }

    #[must_use]
    pub fn is_proven(&self) -> bool {
        *self == Self::Proven
    }

    /// Why it is not proven, for people.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Proven => None,
            Self::NotProven(reason) => Some(format!("not proven: {reason}")),
            Self::NotTried(reason) => Some(format!("not tried: {reason}")),
        }
    }
}

/// What is proven of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub feature: Feature,
    pub backend: Backend,
    /// It is said to hold or to deny, not only to observe.
    pub enforces: bool,
    pub finding: Finding,
}
