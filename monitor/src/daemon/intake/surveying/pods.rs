//! Sessions learn which pod they are in, and pods that are not watched are told.

use std::sync::Arc;

use crate::daemon::context::Context;
use interlock_core::{
    facts::{Pod, Process, SessionId, Severity},
    record::{Entry, Kind, Who},
    sessions::Session,
    words::Word as _,
};
use interlock_host::clock::boot_now;

/// Sessions whose pod has become known, or has changed: a warm one that was given to somebody.
pub fn attribute_all(ctx: &mut Context) {
    for id in ctx.decider.sessions.ids() {
        attribute(ctx, id);
    }
}

/// Those of one pod, by the name of its cgroup: of others nothing has changed.
pub fn attribute_in(ctx: &mut Context, cgroup: &str) {
    let is_in = |session: &&Session| {
        session.container.as_ref().is_some_and(|container| container.pod.as_deref() == Some(cgroup))
    };
    let inside: Vec<SessionId> =
        ctx.decider.sessions.iter().filter(is_in).map(|session| session.id).collect();
    for id in inside {
        attribute(ctx, id);
    }
}

fn attribute(ctx: &mut Context, id: SessionId) {
    let Some(session) = ctx.decider.sessions.get_mut(id) else { return };
    let found = ctx.surveying.pods.of(session.container.as_ref(), &ctx.policies.catalog.workspaces);
    let Some(found) = found.filter(|found| session.pod.as_ref() != Some(found)) else { return };
    let is_shown = session.pod.as_deref().is_none_or(|before| differs(before, &found));
    session.pod = Some(Arc::clone(&found));
    ctx.state.save();
    if is_shown {
        report_attributed(ctx, id, &found);
    }
}

/// Beyond labels that nobody reads: they change as often as somebody likes.
fn differs(before: &Pod, now: &Pod) -> bool {
    (&before.uid, &before.owner, &before.workload) != (&now.uid, &now.owner, &now.workload)
}

fn report_attributed(ctx: &mut Context, id: SessionId, pod: &Pod) {
    let left_out = {
        let session = ctx.decider.sessions.get(id);
        ctx.surveying.pods.left_out(session.and_then(|session| session.container.as_ref())).is_some()
    };
    let event = ctx.reporter.event(&ctx.decider.sessions, "session-attributed", boot_now(), id);
    let event = match left_out {
        // It began before its pod was known; nobody lets go of it now.
        true => event.with(
            "interlock.reason",
            "its pod is outside of the selection; it is watched because it began before that was known",
        ),
        false => event,
    };
    ctx.reporter.publish(&ctx.decider.sessions, event);
    ctx.reporter.keep(Entry::noted(Kind::Pod, Who::Daemon, id, detail(Some(pod))));
}

/// What the ledger keeps of a session's pod.
pub fn detail(pod: Option<&Pod>) -> [(&'static str, serde_json::Value); 6] {
    let owner = pod.and_then(|pod| pod.owner.as_ref());
    [
        ("namespace", pod.map(|pod| pod.namespace.clone()).into()),
        ("pod_name", pod.map(|pod| pod.name.clone()).into()),
        ("workload", pod.and_then(|pod| pod.workload.as_ref()).map(ToString::to_string).into()),
        ("service_account", pod.and_then(|pod| pod.service_account.clone()).into()),
        ("pod_owner", owner.map(|owner| owner.name.clone()).into()),
        ("pod_owner_trust", owner.map(|owner| owner.trust.word()).into()),
    ]
}

/// An agent that runs in a pod of which the selection says that it is not watched. A finding: nothing is done about it.
pub fn report_outside(ctx: &mut Context, process: &Process, agent: &str, pod: &Pod) {
    ctx.reporter.metrics.pods.outside();
    let event = ctx
        .reporter
        .event_of_daemon("agent-outside")
        .process(process)
        .pod(pod)
        .alert(Severity::Medium, "an agent runs in a pod outside of the selection, and is not watched")
        .with("interlock.action", "alert")
        .with("session.agent", agent);
    ctx.reporter.publish(&ctx.decider.sessions, event);
}

/// Pods behind a kernel of their own, once each: nothing that runs there is ever seen from here.
pub fn report_unwatched(ctx: &mut Context) {
    for (pod, why) in ctx.surveying.pods.newly_unwatched(&ctx.policies.catalog.workspaces) {
        let event = ctx
            .reporter
            .event_of_daemon("pod-unwatched")
            .pod(&pod)
            .with("message", "a pod runs behind a kernel of its own, and cannot be watched from its node")
            .with("interlock.reason", why);
        ctx.reporter.publish(&ctx.decider.sessions, event);
    }
}
