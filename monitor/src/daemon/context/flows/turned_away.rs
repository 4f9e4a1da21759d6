//! Callers that were refused and have not come back yet.

use std::collections::HashSet;

use interlock_core::{facts::SessionId, holds::HeldCaller};

/// Denials whose caller has not come back yet.
const MAX: usize = 4096;

#[derive(Default)]
pub struct TurnedAway(HashSet<(SessionId, HeldCaller)>);

impl TurnedAway {
    /// Notes a denial that is reported now.
    pub fn note(&mut self, session: SessionId, caller: HeldCaller) {
        if self.0.len() >= MAX {
            self.0.clear(); // a denial is reported twice then
        }
        self.0.insert((session, caller));
    }

    /// Whether the kernel's refusal is the end of a denial that was reported when it was decided. Whoever tries again while the
    /// answer stands is refused without being asked about, and that is news.
    pub fn was_reported(&mut self, session: SessionId, caller: HeldCaller) -> bool {
        self.0.remove(&(session, caller))
    }
}
