//! Copies of credentials: a file that one session wrote after it had read a secret, and that another one reads.

use std::{collections::HashMap, io, path::PathBuf};

use monitor_common::event::file::Open;

use crate::daemon::{context::Context, intake::files::paths};
use interlock_core::{
    facts::{SecretAccess, SessionId},
    sessions::Registry,
};
use interlock_host::proc::{contents, surroundings::Surroundings};

/// Remembers by fingerprints what a foreign credential's readers have learned.
pub fn learn_contents(ctx: &mut Context, open: &Open, secret: &SecretAccess) {
    if !secret.foreign || secret.copy {
        return;
    }
    let since = u32::try_from(open.header.at_ns / 1_000_000_000).unwrap_or(u32::MAX);
    if let Err(error) = ctx.kernel.maps.carry(SessionId(open.header.session), open.tag, since) {
        tracing::warn!(path = secret.path, %error, "copies of it cannot be followed");
    }
    match contents_of(&ctx.decider.sessions, &ctx.surveying.surroundings, open, secret) {
        Ok(text) => ctx.surveying.fingerprints.learn(&secret.entry, &text),
        // Fails closed: of an entry that nothing is known of, everything that its reader writes may be a copy.
        Err(error) => tracing::debug!(path = secret.path, %error, "copies of it cannot be told"),
    }
}

/// Whether the file that another session wrote holds something of the secret. Fails closed: what cannot be looked at does.
pub fn is_copy(ctx: &mut Context, open: &Open, secret: &SecretAccess) -> bool {
    let found = contents_of(&ctx.decider.sessions, &ctx.surveying.surroundings, open, secret).ok();
    let is_copy =
        found.and_then(|text| ctx.surveying.fingerprints.are_in(&secret.entry, &text)).unwrap_or(true);
    if !is_copy {
        ctx.kernel.maps.forget_written(open.file); // until it is written again
    }
    is_copy
}

fn contents_of(
    sessions: &Registry,
    surroundings: &HashMap<SessionId, Surroundings>,
    open: &Open,
    secret: &SecretAccess,
) -> io::Result<Vec<u8>> {
    let id = SessionId(open.header.session);
    let mut viewers = paths::viewers(sessions, id, open.header.tgid);
    // All of them may have ended by now.
    let own = std::process::id();
    let shared = surroundings.get(&id).is_some_and(|around| around.origin.is_shared_by(own));
    viewers.extend(shared.then_some(own));
    contents::read(viewers, PathBuf::from(&secret.path))
}
