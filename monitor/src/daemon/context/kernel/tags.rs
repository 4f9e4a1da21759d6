//! Files that are tagged as secrets by their inodes, held open so that no other file gets such a number.
//!
//! A file is held while a session lives that has it for a store. Then its file system can be unmounted again.

use std::collections::{HashMap, HashSet};

use monitor_common::policy::InodeKey;

use interlock_core::facts::SessionId;
use interlock_host::probes::inode::Anchor;

#[derive(Default)]
pub struct Tags {
    files: HashMap<InodeKey, Tagged>,
}

impl Tags {
    pub fn add(&mut self, anchor: Anchor, session: SessionId) {
        let fresh = |anchor| Tagged { anchor, sessions: HashSet::new() };
        self.files.entry(anchor.key).or_insert_with(|| fresh(anchor)).sessions.insert(session);
    }

    /// Lets go of what `session` alone had; returns what is not tagged any more.
    pub fn end(&mut self, session: SessionId) -> Vec<InodeKey> {
        self.files.values_mut().for_each(|tagged| {
            tagged.sessions.remove(&session);
        });
        self.remove(|tagged| tagged.sessions.is_empty())
    }

    pub fn contain(&self, key: InodeKey) -> bool {
        self.files.contains_key(&key)
    }

    /// Lets go of files that were deleted; returns what is not tagged any more.
    pub fn remove_deleted(&mut self) -> Vec<InodeKey> {
        self.remove(|tagged| tagged.anchor.is_deleted())
    }

    fn remove(&mut self, which: impl Fn(&Tagged) -> bool) -> Vec<InodeKey> {
        self.files.extract_if(|_, tagged| which(tagged)).map(|(key, _)| key).collect()
    }
}

struct Tagged {
    anchor: Anchor,
    sessions: HashSet<SessionId>,
}
