//! Secrets that are opened, looked for and renamed.

use monitor_common::{
    event::{
        file::{Open, Probe, Relink, relink},
        state,
    },
    policy::AnswerKey,
};

use crate::daemon::{
    apply::callers,
    context::Context,
    intake::{
        files::{copies, secrets},
        judge,
    },
};
use interlock_core::{
    catalog::Catalog,
    decide::Pending,
    facts::{BootNanos, LinkHow, Relink as Renamed, SecretAccess, SessionId, Subject},
    holds::HeldCaller,
    sessions::Registry,
};

pub fn on_open(ctx: &mut Context, open: &Open) {
    judge_open(ctx, open);
    judge::settle_touch(
        &mut ctx.kernel.maps,
        &mut ctx.decider.sessions,
        SessionId(open.header.session),
        open.touch,
    );
}

fn judge_open(ctx: &mut Context, open: &Open) {
    let (id, pid) = (SessionId(open.header.session), open.header.tgid);
    let caller = HeldCaller::of(pid, &AnswerKey::of_open(id.0, open.file));
    let Some(pending) = judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller, open.state)
    else {
        return;
    };
    let Some(secret) = secrets::opened_secret(ctx, open) else {
        if matches!(pending, Pending::Caller(_)) {
            callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller); // its name only looked like a secret's
        }
        ctx.reporter.dismiss_secret(&ctx.decider.sessions, "open", id);
        return;
    };
    if open.state == state::COMMITTED {
        ctx.reporter.commit(id, pid, &format!("open {}", secret.path));
    }
    if open.state == state::PASSED || open.state == state::COMMITTED {
        remember(&mut ctx.decider.sessions, &ctx.policies.catalog, id, &secret);
        copies::learn_contents(ctx, open, &secret);
    }
    judge::judge(ctx, id, pid, BootNanos(open.header.at_ns), Subject::Open(secret), pending);
}

fn remember(sessions: &mut Registry, catalog: &Catalog, id: SessionId, secret: &SecretAccess) {
    if let Some(session) = sessions.get_mut(id)
        && !secret.owner
        && catalog.secrets.switched_off(&secret.entry).is_none()
    {
        let place = if secret.foreign { "foreign" } else { "workspace" };
        session.remember(format!("{:?} {place} {} {}", secret.grade, secret.class, secret.path));
    }
}

pub fn on_probe(ctx: &mut Context, probe: &Probe) {
    let id = SessionId(probe.header.session);
    let Some(secret) = secrets::probed_secret(ctx, probe) else {
        return ctx.reporter.dismiss_secret(&ctx.decider.sessions, "probe", id);
    };
    judge::judge_fact(ctx, id, probe.header.tgid, BootNanos(probe.header.at_ns), Subject::Probe(secret));
}

/// A secret gets another name. The kernel follows it by its inode already.
pub fn on_relink(ctx: &mut Context, relink: &Relink) {
    let (id, at) = (SessionId(relink.header.session), BootNanos(relink.header.at_ns));
    let Some(secret) = secrets::relinked_secret(ctx, relink) else {
        return ctx.reporter.dismiss_secret(&ctx.decider.sessions, "link", id);
    };
    let how = if relink.how == relink::LINK { LinkHow::Link } else { LinkHow::Rename };
    judge::judge_fact(ctx, id, relink.header.tgid, at, Subject::Link(Renamed { secret, how }));
}
