//! Most programs act on labelled processes only, so they are attached while there are some: without an agent nobody pays
//! for them.

use std::time::{Duration, Instant};

use super::engine::Engine;

/// How long nothing has to need them before they are detached. The kernel detaches for a second, and attaching waits
/// for the hook that is being detached: sessions that follow one another should not.
const REST_AFTER: Duration = Duration::from_secs(2);

/// Whether what only sessions need is attached.
#[derive(Debug)]
pub enum AttachState {
    Needed,
    /// Attached, and not needed since then.
    Spare(Instant),
    Detached,
}

/// As the loader leaves it.
impl Default for AttachState {
    fn default() -> Self {
        Self::Spare(Instant::now())
    }
}

impl AttachState {
    pub fn is_detached(&self) -> bool {
        matches!(self, Self::Detached)
    }

    /// What becomes of it while nothing needs it.
    fn unneeded(&self) -> Self {
        match self {
            Self::Needed => Self::Spare(Instant::now()),
            Self::Spare(since) if since.elapsed() < REST_AFTER => Self::Spare(*since),
            Self::Spare(_) | Self::Detached => Self::Detached,
        }
    }
}

impl Engine {
    /// Attaches what only sessions need, before there is one: nothing that its first process does goes unseen for it.
    pub fn expect_session(&mut self) {
        self.become_ready(AttachState::Needed);
    }

    /// Attaches what only sessions need while one lives or data must stay held; some time after, detaches it.
    pub fn follow_sessions(&mut self) {
        let needed = !self.decider.sessions.is_empty() || !self.lingering.is_empty();
        self.become_ready(if needed { AttachState::Needed } else { self.attach_state.unneeded() });
    }

    fn become_ready(&mut self, next: AttachState) {
        let before = Instant::now();
        if let Err(error) = self.probes.follow_sessions(!next.is_detached()) {
            // Fails open, visibly: what is not attached does not act on this machine now. Tried again at the next tick.
            tracing::error!(%error, "not everything that sessions need can be attached");
        }
        let changes = next.is_detached() != self.attach_state.is_detached();
        if changes {
            tracing::debug!(at_rest = next.is_detached(), took = ?before.elapsed(), "what only sessions need");
        }
        self.attach_state = next;
        let in_force = self.probes.in_force().iter();
        let active =
            in_force.filter_map(|served| Some((served.feature.name(), served.active()?.backend.name())));
        self.metrics.enforcement(active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_only_after_a_while_and_stays_so() {
        let spare = AttachState::Needed.unneeded();
        assert!(matches!(spare, AttachState::Spare(_)), "{spare:?}");
        assert!(matches!(spare.unneeded(), AttachState::Spare(_)), "at once");
        let Some(long_ago) = Instant::now().checked_sub(REST_AFTER) else { return };
        assert!(AttachState::Spare(long_ago).unneeded().is_detached());
        assert!(AttachState::Detached.unneeded().is_detached());
    }
}
