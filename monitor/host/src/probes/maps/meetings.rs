//! Whom sessions have met: the kernel fills in what the daemon prepares; and how the daemon makes their connections ask again.

use aya::maps::MapError;
use monitor_common::{label::Session, policy::MET_MAX};

use super::{Maps, NOBODY_MET};
use interlock_core::facts::SessionId;

impl Maps {
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

    /// Makes a session's connections ask again.
    ///
    /// # Errors
    /// The session is not in the map.
    pub fn renew(&mut self, id: SessionId) -> Result<(), MapError> {
        let session = self.sessions.get(&id.0, 0)?;
        self.set_session(id, Session { renewed: session.renewed.wrapping_add(1), ..session })
    }

    /// What the session's connections must have been asked under to be let through.
    #[must_use]
    pub fn generation(&self, id: SessionId) -> Option<u64> {
        Some(self.taint(id)?.generation + u64::from(self.session(id)?.renewed))
    }
}
