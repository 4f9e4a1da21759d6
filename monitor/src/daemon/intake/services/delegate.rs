//! Ways around the tree: a service is asked, or a file is written that somebody else runs later.

use std::path::PathBuf;

use monitor_common::{
    event::{delegate::Delegate, file::Write, state},
    policy::AnswerKey,
};

use crate::daemon::{
    apply::callers,
    context::{Context, reporter::dismissed::DropReason},
    intake::{files::paths, judge, services::listeners},
};
use interlock_core::{
    decide::Pending,
    facts::{BootNanos, SessionId, Subject},
    holds::HeldCaller,
    recognition,
    strings::text,
};
use interlock_host::proc::{procfs, root};

/// A service outside of the tree is asked over its socket.
pub fn on_delegate(ctx: &mut Context, delegate: &Delegate) {
    let (id, pid) = (SessionId(delegate.header.session), delegate.header.tgid);
    let caller = HeldCaller::of(pid, &AnswerKey::of_service(id.0, delegate.name));
    let Some(pending) = judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller, delegate.state)
    else {
        return;
    };
    let path = as_bound(pid, text(&delegate.path), delegate.name == 0);
    let Some(delegation) = recognition::asked_service(&ctx.policies.catalog, path) else {
        if matches!(pending, Pending::Caller(_)) {
            callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller); // only its name is like a service's
        }
        ctx.reporter.dismiss("delegate", DropReason::NoService);
        return;
    };
    if listeners::is_own_service(
        &ctx.decider.sessions,
        &mut ctx.flows.listeners,
        &mut ctx.flows.searches,
        id,
        pid,
        &delegation.path,
    ) {
        if matches!(pending, Pending::Caller(_)) {
            callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller);
        }
        ctx.reporter.dismiss("delegate", DropReason::OwnService);
        return;
    }
    if delegate.state == state::COMMITTED {
        ctx.reporter.commit(id, pid, &format!("ask {} ({})", delegation.service, delegation.path));
    }
    let subject = Subject::Delegate(delegation);
    judge::judge(ctx, id, pid, BootNanos(delegate.header.at_ns), subject, pending);
}

/// A file is written that somebody outside of the tree runs later.
pub fn on_write(ctx: &mut Context, write: &Write) {
    let (id, pid) = (SessionId(write.header.session), write.header.tgid);
    let caller = HeldCaller::of(pid, &AnswerKey::of_open(id.0, write.file));
    let Some(pending) = judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller, write.state)
    else {
        return;
    };
    let (path, _) = paths::called(&mut ctx.surveying, pid, id, write.file.dev, &write.path);
    let home = ctx.decider.sessions.get(id).and_then(|session| session.home.as_deref());
    let Some(delegation) = recognition::written_file(&ctx.policies.catalog, path, home) else {
        if matches!(pending, Pending::Caller(_)) {
            callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller); // only its name is like one's
        }
        ctx.reporter.dismiss("write", DropReason::NoService);
        return;
    };
    if write.state == state::COMMITTED {
        ctx.reporter.commit(id, pid, &format!("write {}", delegation.path));
    }
    let subject = Subject::Delegate(delegation);
    judge::judge(ctx, id, pid, BootNanos(write.header.at_ns), subject, pending);
}

/// The path that a service bound is used as it is; one that a caller gave (`given`) leads there through its links and
/// from its working directory.
fn as_bound(pid: u32, path: String, given: bool) -> String {
    if !given {
        return path;
    }
    let inside = match (path.strip_prefix('/'), procfs::working_directory(pid)) {
        (Some(_), _) | (None, None) => PathBuf::from(&path),
        (None, Some(directory)) => directory.join(&path),
    };
    // The caller's own links, and nothing that could keep the event loop waiting. Fails open: what the kernel does not know by
    // heart (the caller has just looked it up) counts by the path that was given.
    root::known_path(pid, &inside).map_or(path, |real| real.to_string_lossy().into_owned())
}
