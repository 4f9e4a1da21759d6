//! What the parts of the drill saw, each with its time.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Far above what one drill notes; a client in a loop cannot fill the memory.
const LIMIT: usize = 256;

/// Who did it, or saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    Agent,
    /// Interlock's probes.
    Kernel,
    /// A rule of Interlock.
    Rule,
    /// Who answers a hold; in the drill, the drill itself.
    Person,
    /// The provider.
    Server,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Wall clock, µs since 1970: the one clock that the agent, the daemon and the server all write.
    pub at_us: u64,
    pub who: Who,
    pub what: String,
}

impl Moment {
    #[must_use]
    pub fn now(who: Who, what: impl Into<String>) -> Self {
        Self { at_us: now_us(), who, what: what.into() }
    }
}

/// Wall clock, µs since 1970.
#[must_use]
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Moments noted by several threads.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<Moment>>);

impl Journal {
    pub fn note(&self, who: Who, what: impl Into<String>) {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match moments.len() {
            0..LIMIT => moments.push(Moment::now(who, what)),
            LIMIT => moments.push(Moment::now(who, "more happened here than the drill writes down")),
            _ => {}
        }
    }

    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_says_so() {
        let journal = Journal::default();
        (0..1000).for_each(|n| journal.note(Who::Server, n.to_string()));
        let moments = journal.moments();
        assert_eq!(moments.len(), LIMIT + 1);
        assert!(moments.last().unwrap().what.contains("more happened"));
    }
}
