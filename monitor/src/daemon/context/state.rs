//! The saved state, and whether it is behind.

pub mod snapshot;

use crate::daemon::context::state::snapshot::Store;

/// The file that outlives the daemon.
pub struct StateFile {
    pub store: Store,
    /// What must outlive the daemon may have changed.
    pub unsaved: bool,
    pub boot: String,
}

impl StateFile {
    /// What must outlive the daemon may have changed, sessions and holds: it is saved before the turn ends, once for
    /// everything that a session did in it.
    pub fn save(&mut self) {
        self.unsaved = true;
    }
}
