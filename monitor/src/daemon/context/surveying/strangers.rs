//! Processes whose program is not known by its path.

use std::collections::{HashMap, HashSet};

use interlock_core::facts::SessionId;

/// Processes of each session that run what its root does not know.
#[derive(Default)]
pub struct Strangers(HashMap<SessionId, HashSet<u32>>);

impl Strangers {
    pub fn contain(&self, id: SessionId, pid: u32) -> bool {
        self.0.get(&id).is_some_and(|pids| pids.contains(&pid))
    }

    pub fn forget(&mut self, id: SessionId) {
        self.0.remove(&id);
    }

    pub fn note(&mut self, id: SessionId, pid: u32, is_stranger: bool) {
        if is_stranger {
            self.0.entry(id).or_default().insert(pid);
        } else if let Some(pids) = self.0.get_mut(&id) {
            pids.remove(&pid);
        }
    }
}
