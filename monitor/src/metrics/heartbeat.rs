//! The event loop's heartbeat: a daemon whose event loop hangs still answers for its control socket, and decides nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// An event loop with nothing to do turns every thirty seconds.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(60);

/// Beats once a turn; asked by whoever decides whether the daemon is well.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Does not go on while the machine sleeps, and neither does the event loop.
    began: Instant,
    last: Arc<AtomicU64>,
    timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { began: Instant::now(), last: Arc::default(), timeout: HEARTBEAT_TIMEOUT }
    }
}

impl Heartbeat {
    pub fn beat(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_beating(&self) -> bool {
        self.age() < self.timeout
    }

    /// How long ago the last turn was.
    #[must_use]
    pub fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }

    #[cfg(test)]
    pub(super) fn with_timeout(timeout: Duration) -> Self {
        Self { timeout, ..Self::default() }
    }
}
