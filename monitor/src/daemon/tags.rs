//! Files that are tagged as secrets by their inodes, held open so that no other file gets such a number.
//!
//! A file is held while a session lives that has it for a store. Then its file system can be unmounted again.

use std::collections::{HashMap, HashSet};

use monitor_common::policy::{InodeKey, SecretTag};

use super::engine::Engine;
use interlock_core::facts::SessionId;
use interlock_host::probes::inode::Anchor;

#[derive(Default)]
pub struct Tags {
    files: HashMap<InodeKey, Tagged>,
}

struct Tagged {
    anchor: Anchor,
    sessions: HashSet<SessionId>,
}

impl Tags {
    fn add(&mut self, anchor: Anchor, session: SessionId) {
        let fresh = |anchor| Tagged { anchor, sessions: HashSet::new() };
        self.files.entry(anchor.key).or_insert_with(|| fresh(anchor)).sessions.insert(session);
    }

    /// Lets go of what `session` alone had; gives what is not tagged any more.
    fn end(&mut self, session: SessionId) -> Vec<InodeKey> {
        self.files.values_mut().for_each(|tagged| {
            tagged.sessions.remove(&session);
        });
        self.remove(|tagged| tagged.sessions.is_empty())
    }

    fn remove(&mut self, which: impl Fn(&Tagged) -> bool) -> Vec<InodeKey> {
        self.files.extract_if(|_, tagged| which(tagged)).map(|(key, _)| key).collect()
    }
}

impl Engine {
    /// Tags a store of `session`.
    pub fn tag(&mut self, session: SessionId, anchor: Anchor, tag: SecretTag) {
        if let Err(error) = self.maps.tag_inode(anchor.key, self.numbering.tag(tag)) {
            tracing::warn!(%session, ino = anchor.key.ino, %error, "the secret is known by name only");
            return;
        }
        self.tags.add(anchor, session);
    }

    pub fn untag_ended(&mut self, session: SessionId) {
        self.tags.end(session).into_iter().for_each(|key| self.maps.untag_inode(key));
    }

    /// Files that were deleted: nobody can open them any more, and their numbers are free once they are let go of.
    pub fn untag_deleted(&mut self) {
        let gone = self.tags.remove(|tagged| tagged.anchor.is_deleted());
        gone.into_iter().for_each(|key| self.maps.untag_inode(key));
    }

    /// What an earlier daemon had tagged and this one has not found again.
    pub fn untag_strangers(&mut self) {
        let Self { maps, tags, .. } = self;
        maps.keep_tags(|key| tags.files.contains_key(key));
    }
}
