//! What the daemon is doing, in a line for the service manager.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Written by the event loop, read by whoever tells.
#[derive(Debug, Default)]
pub struct Summary {
    sessions: AtomicUsize,
    frozen: AtomicUsize,
    waiting: AtomicUsize,
}

impl Summary {
    pub fn note(&self, sessions: usize, frozen: usize, waiting: usize) {
        self.sessions.store(sessions, Ordering::Relaxed);
        self.frozen.store(frozen, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sessions, frozen, waiting] =
            [&self.sessions, &self.frozen, &self.waiting].map(|count| count.load(Ordering::Relaxed));
        let plural = if sessions == 1 { "" } else { "s" };
        write!(f, "{sessions} agent session{plural}, {frozen} frozen; {waiting} waiting for a decision")
    }
}
