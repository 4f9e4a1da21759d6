//! What the daemon has in force, as it says itself: a promise is kept by a backend, and a test asks which one serves.

use serde_json::Value;

use crate::daemon::Daemon;

/// A family of hooks, by what it can promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Decides before the act.
    Lsm,
    /// Sees every act inside the kernel, after it began.
    Tracing,
    /// Sees system calls.
    Portable,
    /// Nothing serves this feature on this kernel.
    Nothing,
}

impl Backend {
    /// Whether acts are seen where the kernel does them, by whatever way they were asked for.
    #[must_use]
    pub fn sees_everything(self) -> bool {
        matches!(self, Self::Lsm | Self::Tracing)
    }

    /// From what `interlock doctor` found: `lsm: observe, hold, deny`.
    fn of(found: &str) -> Self {
        match found.split(':').next() {
            Some("lsm") => Self::Lsm,
            Some("tracing") => Self::Tracing,
            Some("portable") => Self::Portable,
            _ => Self::Nothing,
        }
    }
}

impl Daemon {
    /// The backend in force for a feature: `open`, `connect`, `protect`, `inspect` …, as `interlock doctor` names them.
    #[must_use]
    pub fn backend(&self, feature: &str) -> Backend {
        let checks = self.json(&["doctor"]);
        let of_feature = |check: &&Value| check["subject"] == feature;
        let found = checks.as_array().into_iter().flatten().find(of_feature);
        found.and_then(|check| check["found"].as_str()).map_or(Backend::Nothing, Backend::of)
    }
}

/// Says, in words that a reader of the suite's output looks for, which promise this backend does not give.
pub fn not_here(why: &str) {
    println!("not on this backend: {why}");
}
