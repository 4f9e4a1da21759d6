//! Most programs act on labelled processes only, so they are attached while there are some: without an agent nobody pays
//! for them.

use std::time::{Duration, Instant};

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
    pub fn unneeded(&self) -> Self {
        match self {
            Self::Needed => Self::Spare(Instant::now()),
            Self::Spare(since) if since.elapsed() < REST_AFTER => Self::Spare(*since),
            Self::Spare(_) | Self::Detached => Self::Detached,
        }
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
