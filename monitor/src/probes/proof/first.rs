//! The loader's proof: one open, before any other backend is considered.

use std::{fs::File, io, process};

use monitor_common::{
    label::{Label, Session},
    policy::{GRADE_A, SecretTag, VERDICT_ALLOW, VERDICT_DENY, open_index},
};
use rustix::io::Errno;

use super::{SESSION, stage::ENTRY};
use crate::probes::{error::ProbeError, inode::Mounts, uplink::Uplink};

/// Labels this very process for a moment, forbids it to read a file of its own, and tries. Nothing else is touched: only
/// that file is tagged.
///
/// # Errors
/// The file could be read, or the attempt could not be made.
pub fn denies_open(uplink: &mut Uplink) -> Result<(), ProbeError> {
    let result = attempt(uplink);
    clean_up(uplink);
    match result {
        // Not EACCES, which others answer with.
        Ok(Err(error)) if Errno::from_io_error(&error) == Some(Errno::PERM) => Ok(()),
        Ok(_) => Err(ProbeError::NotInForce),
        Err(reason) => Err(ProbeError::Unproven { reason }),
    }
}

fn attempt(uplink: &mut Uplink) -> Result<io::Result<File>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let file = tempfile::NamedTempFile::new().map_err(|error| text(&error))?;
    let key = Mounts::own().identify(file.path()).map_err(|error| text(&error))?;
    let mut policy = uplink.policy().map_err(|error| text(&error))?;
    let observe = std::mem::take(&mut policy.observe);
    let prepared = uplink
        .set_policy(policy)
        .and_then(|()| uplink.set_open_verdict(open_index(ENTRY, true), VERDICT_DENY))
        .and_then(|()| uplink.tag_inode(key, SecretTag { entry: ENTRY, grade: GRADE_A }))
        .and_then(|()| uplink.add_session(SESSION, Session::default()))
        .and_then(|()| uplink.set_label(process::id(), Label { session: SESSION.0, start_ns: 0 }));
    let opened = prepared.map(|()| File::open(file.path()));
    uplink.remove_label(process::id());
    uplink.untag_inode(key);
    policy.observe = observe;
    uplink.set_policy(policy).map_err(|error| text(&error))?;
    opened.map_err(|error| text(&error))
}

fn clean_up(uplink: &mut Uplink) {
    uplink.remove_label(process::id());
    uplink.remove_session(SESSION);
    if let Err(error) = uplink.set_open_verdict(open_index(ENTRY, true), VERDICT_ALLOW) {
        tracing::warn!(%error, "the proof's entry stays in the verdict table, where no secret has its number");
    }
}
