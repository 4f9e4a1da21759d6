//! Adoption: processes that were there before their session's label get it.

use std::collections::HashSet;

use monitor_common::label::Label;

use crate::daemon::{
    context::Context,
    intake::{
        lifecycle::{end, unseen},
        network::received,
        surveying,
    },
};
use interlock_core::{
    facts::{BootNanos, Process, SessionId},
    sessions::adoption,
};
use interlock_host::proc::procfs;

/// Labels what a root forked before it was labelled itself, until a pass finds nothing new.
pub fn adopt_descendants(ctx: &mut Context, root: u32, is_new: bool) {
    let Some(session) = ctx.decider.sessions.session_of(root) else { return };
    adopt_tree(ctx, root, session, is_new, |label| label.is_none());
}

/// Takes a process that belongs to no session into one, with its descendants.
pub fn adopt_member(ctx: &mut Context, session: SessionId, pid: u32) {
    let Some(running) = procfs::read(pid) else { return };
    if adopt_one(ctx, session, running.process) {
        adopt_tree(ctx, pid, session, false, |label| label.is_none());
    }
}

/// What `root` forked while it still carried the label of `from` moves to `session` with it.
pub fn take_along(ctx: &mut Context, root: u32, from: SessionId, session: SessionId) {
    adopt_tree(ctx, root, session, false, |label| label.is_none_or(|label| label.session == from.0));
}

fn adopt_tree(
    ctx: &mut Context,
    root: u32,
    session: SessionId,
    is_new: bool,
    is_missing: impl Fn(Option<Label>) -> bool,
) {
    loop {
        let assigned = adoption::assign(&procfs::parents(), &HashSet::from([root]));
        let missing: Vec<u32> =
            assigned.into_keys().filter(|pid| is_missing(ctx.kernel.maps.label(*pid))).collect();
        let mut found = false;
        for running in missing.into_iter().filter_map(procfs::read) {
            if is_new {
                unseen::doubt_descendant(ctx, session, &running.process);
            }
            found |= adopt_one(ctx, session, running.process);
        }
        if !found {
            return;
        }
    }
}

fn adopt_one(ctx: &mut Context, session: SessionId, process: Process) -> bool {
    let label = Label { session: session.0, start_ns: process.start.0 };
    if let Err(error) = ctx.kernel.maps.set_label(process.pid, label) {
        tracing::error!(pid = process.pid, %error, "a descendant cannot be labelled; it runs unwatched");
        return false;
    }
    let (pid, start) = (process.pid, process.start);
    ctx.decider.sessions.add_process(session, process);
    surveying::look_around(ctx, session, pid);
    received::note_open_sockets(ctx, session, pid);
    end::unlabel_if_ended(ctx, pid, start);
    true
}

/// The table of labels was full when it was forked.
pub fn label_again(ctx: &mut Context, pid: u32, session: SessionId, start: BootNanos) {
    if let Err(error) = ctx.kernel.maps.set_label(pid, Label { session: session.0, start_ns: start.0 }) {
        // Fails open, visibly: it runs unwatched until there is room.
        tracing::error!(%session, pid, %error, "a process of the session has no label; it runs unwatched");
        return;
    }
    received::note_open_sockets(ctx, session, pid);
    adopt_descendants(ctx, pid, false);
    end::unlabel_if_ended(ctx, pid, start);
}
