//! Recovery: a new daemon finds the sessions, taints and holds of the one before it, in the kernel's maps and in the
//! saved state.

use std::collections::{HashMap, HashSet};

use monitor_common::{
    label::{FROZEN, GATED, Session as KernelSession},
    policy::Flow,
};
use rustix::process::Signal;

use crate::daemon::{
    apply::{
        self, flow_state,
        flows::{self, present},
    },
    context::{
        Context,
        state::snapshot::{SessionRecord, Snapshot},
    },
    intake::{
        self,
        lifecycle::{adopt, end, restore},
        network::sent,
        surveying,
    },
};
use interlock_core::{
    decide::{Decider, Input},
    facts::{BootNanos, Process, SessionId},
    holds::{HeldFlow, Hold},
    record::{Kind, Who},
};
use interlock_host::{
    clock::boot_now,
    enforcement::{freeze, signal::Member},
    probes::Maps,
    proc::{
        life::{Life, has_ended, life},
        procfs,
    },
};

pub fn recover(ctx: &mut Context, before: Snapshot) {
    let returned = label_the_frozen(ctx, &before.sessions);
    remove_stale_labels(&mut ctx.kernel.maps);
    let mut described: HashMap<u64, SessionRecord> =
        before.sessions.into_iter().map(|session| (session.id, session)).collect();
    for (pid, label) in ctx.kernel.maps.labels() {
        let id = SessionId(label.session);
        if ctx.decider.sessions.get(id).is_none() {
            let mut session = restore::restore(
                &mut ctx.freezer,
                &ctx.kernel.maps,
                &mut ctx.surveying.surroundings,
                id,
                described.remove(&label.session),
            );
            // What exactly it touched is only known as bits: where they matter, the rules' `touched` counts as met.
            session.incomplete |= flow_state::is_gated(&ctx.kernel.maps, id);
            if session.incomplete
                && let Err(error) = ctx.kernel.maps.set_flags(id, GATED, true)
            {
                tracing::error!(session = %id, %error, "what it touched is unknown, and its connections may not ask");
            }
            ctx.decider.sessions.insert(session);
            let seat = ctx.surveying.surroundings.get(&id).and_then(|around| around.seat);
            ctx.reporter.channels.terminals.sits(id, seat);
        }
        let process = procfs::read(pid).map(|running| running.process);
        ctx.decider.sessions.add_process(id, process.unwrap_or(Process { pid, ..Process::default() }));
    }
    for (id, pid) in returned {
        if let Some(running) = procfs::read(pid) {
            surveying::survey_whole(ctx, id, pid, &running.env);
        }
    }
    for id in ctx.decider.sessions.ids() {
        surveying::tag_stores(ctx, id);
    }
    surveying::untag_strangers_later(ctx);
    ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
    end_stale_sessions(ctx, described);
    freeze_again(ctx);
    // What the rings still hold is asked among what was asked and granted before, and before anything is denied.
    apply::step(ctx, Input::RestoredGrants(before.grants));
    sent::restore(ctx, before.let_go);
    restore_holds(ctx, before.holds);
    intake::catch_up(ctx);
    deny_unasked(ctx);
    ctx.reporter.explanations.accounts.restore(before.accounts);
    resume_orphans(&ctx.kernel.maps, &ctx.decider);
    for group in ctx.freezer.unclaimed() {
        tracing::warn!(group = %group.display(), "somebody stands in a frozen group that is no session's of this daemon; if it is no other daemon's, write 0 into its cgroup.freeze");
    }
}

/// Without pins the labels went with the last daemon. Who stands in the freezer is its session's still: labelled again,
/// and stands until a person says otherwise. Returns a process of each such session.
fn label_the_frozen(ctx: &mut Context, described: &[SessionRecord]) -> Vec<(SessionId, u32)> {
    let mut returned = Vec::new();
    for id in described.iter().map(|record| SessionId(record.id)) {
        ctx.freezer.claim(id);
        let standing = ctx.freezer.processes(id);
        if ctx.kernel.maps.session(id).is_some() || standing.is_empty() {
            continue;
        }
        ctx.kernel.expect_session(&ctx.reporter.metrics);
        let session = KernelSession { flags: FROZEN | GATED, ..KernelSession::default() };
        if let Err(error) = ctx.kernel.maps.add_session(id, session) {
            // Stands all the same, and is reported below as nobody's.
            tracing::error!(session = %id, %error, "a frozen session cannot be told to the kernel again");
            continue;
        }
        let first = standing.iter().copied().find(|pid| *pid == id.root()).or(standing.first().copied());
        for pid in standing {
            adopt::label_again(
                ctx,
                pid,
                id,
                procfs::read(pid).map_or(BootNanos(0), |running| running.process.start),
            );
        }
        returned.extend(first.map(|pid| (id, pid)));
    }
    returned
}

/// Sessions whose last process ended while no daemon ran: they end now. What they did meanwhile nobody saw.
fn end_stale_sessions(ctx: &mut Context, mut described: HashMap<u64, SessionRecord>) {
    for id in ctx.kernel.maps.sessions() {
        if ctx.decider.sessions.get(id).is_none() {
            let mut session = restore::restore(
                &mut ctx.freezer,
                &ctx.kernel.maps,
                &mut ctx.surveying.surroundings,
                id,
                described.remove(&id.0),
            );
            session.incomplete = true;
            ctx.decider.sessions.insert(session);
            end::end_session(ctx, id, Process { pid: id.root(), ..Process::default() }, boot_now());
        }
    }
}

/// Labels of processes that ended while no probe was attached.
fn remove_stale_labels(maps: &mut Maps) {
    for (pid, label) in maps.labels() {
        if life(pid, BootNanos(label.start_ns)) == Life::Ended {
            maps.remove_label(pid);
        }
    }
}

/// Somebody may have continued a frozen tree meanwhile, or the last daemon did not get to the end of it. What is left of
/// the groups of a session that is over goes.
fn freeze_again(ctx: &mut Context) {
    for id in ctx.decider.sessions.ids() {
        if !ctx.decider.sessions.get(id).is_some_and(|session| session.is_frozen()) {
            continue;
        }
        let creator = |pid| ctx.decider.sessions.process(pid).map(|process| process.parent);
        let outcome = freeze::freeze(&mut ctx.kernel.maps, &mut ctx.freezer, id, &creator);
        apply::step(ctx, Input::Stopped { session: id, outcome });
    }
    ctx.freezer.keep(&ctx.decider.sessions.ids());
}

/// Callers that were stopped without a hold being noted ask again.
fn resume_orphans(maps: &Maps, decider: &Decider) {
    let held: HashSet<u32> =
        decider.holds().waiting().flat_map(|hold| hold.callers.iter().map(|caller| caller.pid)).collect();
    for (pid, label) in maps.labels() {
        let frozen =
            decider.sessions.get(SessionId(label.session)).is_some_and(|session| session.is_frozen());
        if frozen || held.contains(&pid) || !procfs::is_stopped(pid) {
            continue;
        }
        let member = Member::open(maps, pid, label.session);
        let continued = member.and_then(|member| member.map_or(Ok(()), |member| member.send(Signal::CONT)));
        if let Err(error) = continued.or_else(|error| if has_ended(&error) { Ok(()) } else { Err(error) }) {
            tracing::error!(pid, %error, "a stopped process cannot be continued: continue it by hand (kill -CONT)");
        }
    }
}

/// Holds go on waiting whose flow still waits, or whose caller still stands.
fn restore_holds(ctx: &mut Context, holds: Vec<Hold>) {
    let waiting = waiting_flows(ctx);
    let waits = |held: &HeldFlow| waiting.get(&held.cookie).is_some_and(|flow| held.goes_on(flow));
    for mut hold in holds {
        hold.flows.retain(waits);
        hold.callers.retain(|caller| ctx.decider.sessions.process(caller.pid).is_some());
        if !hold.flows.is_empty() || !hold.callers.is_empty() {
            apply::step(ctx, Input::Restored(Box::new(hold)));
        }
    }
}

/// A flow that waits without a hold is denied: silence never means yes.
fn deny_unasked(ctx: &mut Context) {
    let waiting = waiting_flows(ctx);
    let held: HashSet<u64> =
        ctx.decider.holds().waiting().flat_map(|hold| &hold.flows).map(|flow| flow.cookie).collect();
    for (cookie, flow) in waiting.into_iter().filter(|(cookie, _)| !held.contains(cookie)) {
        let id = SessionId(flow.session);
        flows::refuse(
            &mut ctx.kernel.maps,
            &mut ctx.flows.searches,
            &ctx.decider.sessions,
            id,
            id.root(),
            &present(cookie, &flow),
        );
        ctx.reporter.record(
            Kind::Deny,
            Who::Daemon,
            Some(id),
            [("why", "it waited while no daemon ran".into())],
        );
    }
}

/// Flows whose data waits for a decision, and is not still being read.
fn waiting_flows(ctx: &Context) -> HashMap<u64, Flow> {
    let flows = ctx.kernel.maps.flows().into_iter();
    flows
        .filter(|(cookie, flow)| flow.closed == 0 && flow_state::waits(&ctx.kernel.maps, *cookie, flow))
        .filter(|(cookie, _)| !ctx.flows.partial_requests.contains(*cookie))
        .collect()
}
