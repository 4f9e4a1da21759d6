//! The loader's proof: one open, before any other backend is considered.

use std::{fs, io, net::Ipv4Addr, time::Instant};

use monitor_common::{
    label::{Label, Session},
    policy::{GRADE_A, InodeKey, Policy, SecretTag, VERDICT_ALLOW, VERDICT_DENY, open_index},
};
use rustix::io::Errno;
use tempfile::TempDir;

use super::{
    act::{Act, Answer, SECRET, Scene},
    child::Child,
    finding::SESSION,
    fixture::ENTRY,
};
use crate::probes::{capability::lsm_runs_bpf, error::ProbeError, inode::Mounts, maps::Maps};

/// Forbids a child to read a decoy, and has it try. Never this process itself: what an earlier daemon has pinned keeps
/// labelled processes from bpf, and so from taking their label off again.
///
/// `observes`: the daemon is to observe only.
///
/// # Errors
/// The file could be read, or the attempt could not be made.
pub fn denies_open(maps: &mut Maps, observes: bool) -> Result<(), ProbeError> {
    let unproven = |reason| ProbeError::Unproven { reason };
    let before = maps.policy().map_err(|error| unproven(error.to_string()))?;
    if observes && before.observe != 0 && !maps.sessions().is_empty() {
        // Refusing the decoy would refuse others what their rules only observe. The kernel's word has to do; that nothing
        // is proven is said where every hook is tried.
        return if lsm_runs_bpf() == Some(false) { Err(ProbeError::NotInForce) } else { Ok(()) };
    }
    let answer = attempt(maps, before).map_err(unproven)?;
    // Not EACCES, which others answer with.
    let refused = Answer::Failed(Errno::PERM.raw_os_error());
    if answer == Some(refused) { Ok(()) } else { Err(ProbeError::NotInForce) }
}

fn attempt(maps: &mut Maps, before: Policy) -> Result<Option<Answer>, String> {
    let (directory, decoy) = lay_out().map_err(|error| format!("the decoy cannot be made: {error}"))?;
    let scene =
        Scene { directory: directory.path().to_path_buf(), refused: 0, open: 0, names: Ipv4Addr::LOCALHOST };
    let mut child = Child::start(&scene).map_err(|error| format!("the child does not start: {error}"))?;
    let policy = Policy { observe: 0, ..before };
    let label = Label { session: SESSION.0, start_ns: 0 };
    let armed = maps
        .set_policy(policy)
        .and_then(|()| maps.set_open_verdict(open_index(ENTRY, true), VERDICT_DENY))
        .and_then(|()| maps.tag_inode(decoy, SecretTag::of(ENTRY, GRADE_A)))
        .and_then(|()| maps.add_session(SESSION, Session::default()))
        .and_then(|()| maps.set_label(child.pid(), label));
    let tried = armed.map_err(|error| error.to_string()).and_then(|()| {
        let asked = child.ask(Act::ReadSecret).and_then(|()| child.answer(Instant::now() + child.limit()));
        asked.map_err(|error| error.to_string())
    });
    let pid = child.pid();
    drop(child);
    maps.remove_label(pid);
    maps.remove_session(SESSION);
    maps.untag_inode(decoy);
    if let Err(error) = maps.set_open_verdict(open_index(ENTRY, true), VERDICT_ALLOW) {
        tracing::warn!(%error, "the proof's entry stays in the verdict table, where no secret has its number");
    }
    maps.set_policy(before).map_err(|error| error.to_string())?;
    tried
}

fn lay_out() -> io::Result<(TempDir, InodeKey)> {
    let directory = TempDir::with_prefix("interlock-proof-")?;
    let decoy = directory.path().join(SECRET);
    fs::write(&decoy, "a decoy")?;
    let key = Mounts::own().identify(&decoy)?;
    Ok((directory, key))
}
