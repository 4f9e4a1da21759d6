//! Copies of credentials: a file that one session wrote after it had read a secret, and that another one reads.

use std::{io, path::PathBuf};

use monitor_common::event::file::Open;

use super::engine::Engine;
use interlock_core::facts::{SecretAccess, SessionId};
use interlock_host::proc::contents;

impl Engine {
    /// Remembers by fingerprints what a foreign credential's readers have learned.
    pub fn learn_contents(&mut self, open: &Open, secret: &SecretAccess) {
        if !secret.foreign || secret.copy {
            return;
        }
        let since = u32::try_from(open.header.at_ns / 1_000_000_000).unwrap_or(u32::MAX);
        if let Err(error) = self.maps.carry(SessionId(open.header.session), open.tag, since) {
            tracing::warn!(path = secret.path, %error, "copies of it cannot be followed");
        }
        match self.contents_of(open, secret) {
            Ok(text) => self.fingerprints.learn(&secret.entry, &text),
            // Fails closed: of an entry that nothing is known of, everything that its reader writes may be a copy.
            Err(error) => tracing::debug!(path = secret.path, %error, "copies of it cannot be told"),
        }
    }

    /// Whether the file that another session wrote holds something of the secret. Fails closed: what cannot be looked at does.
    pub fn is_copy(&mut self, open: &Open, secret: &SecretAccess) -> bool {
        let found = self.contents_of(open, secret).ok();
        let is_copy = found.and_then(|text| self.fingerprints.are_in(&secret.entry, &text)).unwrap_or(true);
        if !is_copy {
            self.maps.forget_written(open.file); // until it is written again
        }
        is_copy
    }

    fn contents_of(&self, open: &Open, secret: &SecretAccess) -> io::Result<Vec<u8>> {
        let id = SessionId(open.header.session);
        let mut viewers = self.viewers(id, open.header.tgid);
        // All of them may have ended by now.
        let own = std::process::id();
        let shared = self.surroundings.get(&id).is_some_and(|around| around.origin.is_shared_by(own));
        viewers.extend(shared.then_some(own));
        contents::read(viewers, PathBuf::from(&secret.path))
    }
}
