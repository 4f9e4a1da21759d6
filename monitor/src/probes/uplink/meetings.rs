//! Whom sessions have met: the kernel fills in what the daemon prepares.

use aya::maps::MapError;
use monitor_common::policy::{MET_MAX, Met};

use super::Uplink;
use crate::facts::SessionId;

pub(super) const NOBODY_MET: Met = Met { sessions: [0; MET_MAX], written: 0 };

impl Uplink {
    /// Sessions of a daemon that knew of no meetings have met nobody.
    ///
    /// # Errors
    /// The map is full.
    pub fn prepare_meetings(&mut self) -> Result<(), MapError> {
        for id in self.sessions() {
            if self.met.get(&id.0, 0).is_err() {
                self.met.insert(id.0, NOBODY_MET, 0)?;
            }
        }
        Ok(())
    }

    /// Whom a session has met, as far as the kernel has room for it; they may be over.
    #[must_use]
    pub fn met(&self, id: SessionId) -> Vec<SessionId> {
        let met = self.met.get(&id.0, 0).map_or([0; MET_MAX], |met| met.sessions);
        met.into_iter().filter(|other| *other != 0).map(SessionId).collect()
    }
}
