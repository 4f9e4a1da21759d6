//! Processes end, and sessions with the last of them.

use monitor_common::label::{GATED, Label, Session as KernelSession};

use crate::daemon::{
    apply::{self, callers, flows},
    context::Context,
    intake::{judge, lifecycle::restore, surveying},
};
use interlock_core::{
    decide::{Input, Pending},
    facts::{BootNanos, Lifecycle, Process, SessionId, Subject},
};
use interlock_host::{
    clock::boot_now,
    enforcement::freezer::Freezer,
    proc::{
        life::{Life, life},
        procfs,
    },
};

/// A process has ended: reported by the kernel, or found.
pub fn process_ended(ctx: &mut Context, pid: u32, at: BootNanos) {
    apply::step(ctx, Input::CallerEnded { pid });
    let left = ctx.decider.execs.forget(pid);
    callers::take_back(&mut ctx.kernel.maps, left);
    let Some((session, last)) = ctx.decider.sessions.exit(pid) else { return };
    // The last that the event loop knows. The kernel knows of those whose fork was not reported.
    for (pid, label) in ctx.kernel.maps.labels() {
        if label.session == session.0 {
            reconcile_label(ctx, pid, label);
        }
    }
    if ctx.decider.sessions.count(session) == 0 {
        end_session(ctx, session, last, at);
    }
}

/// A label that was written when its process was ending stays: the kernel's own removal had passed by then. Where the
/// kernel did remove it, the record of the exit comes by itself, after what the process did.
pub fn unlabel_if_ended(ctx: &mut Context, pid: u32, start: BootNanos) {
    match life(pid, start) {
        Life::Ended if ctx.kernel.maps.label(pid).is_some_and(|label| label.start_ns == start.0) => {
            ctx.kernel.maps.remove_label(pid);
            process_ended(ctx, pid, boot_now());
        }
        Life::Ending => ctx.upkeep.reconciliation.next = BootNanos(0), // not to be reported yet: looked at again
        Life::Runs | Life::Ended | Life::Unknown => {}
    }
}

/// Removes the label of a process that has ended; returns whether the process was unknown, and is known now.
pub fn reconcile_label(ctx: &mut Context, pid: u32, label: Label) -> bool {
    let (id, start) = (SessionId(label.session), BootNanos(label.start_ns));
    match life(pid, start) {
        // Read again: the number may have been given to a process that was just labelled.
        Life::Ended if ctx.kernel.maps.label(pid) == Some(label) => {
            tracing::info!(session = %id, pid, "the label of a process that has ended is removed");
            ctx.kernel.maps.remove_label(pid);
            false
        }
        Life::Runs => {
            let known = ctx.decider.sessions.process(pid).is_some_and(|process| process.start == start);
            if known && ctx.decider.sessions.session_of(pid) == Some(id) {
                return false;
            }
            revive(ctx, id);
            let found = procfs::read(pid).map(|running| running.process);
            let process = Process { pid, start, ..found.unwrap_or_default() };
            ctx.decider.sessions.add_process(id, process);
            true
        }
        // An ending one is reported by the kernel, and looked at again otherwise.
        Life::Ended | Life::Ending | Life::Unknown => false,
    }
}

/// A session of which the event loop knows nothing, and a member lives: what it did is unknown, so everything asks.
fn revive(ctx: &mut Context, id: SessionId) {
    if ctx.decider.sessions.get(id).is_some() {
        return;
    }
    tracing::warn!(session = %id, "a session that had seemed to end has a living process");
    ctx.kernel.expect_session(&ctx.reporter.metrics);
    let known = ctx.kernel.maps.session(id);
    if known.is_none()
        && let Err(error) =
            ctx.kernel.maps.add_session(id, KernelSession { flags: GATED, ..KernelSession::default() })
    {
        // Fails open, visibly: its connections do not ask.
        tracing::error!(session = %id, %error, "the session cannot be told to the kernel; it is observed only");
    }
    let session =
        restore::restore(&mut ctx.freezer, &ctx.kernel.maps, &mut ctx.surveying.surroundings, id, None);
    ctx.decider.sessions.insert(session);
    ctx.decider.settle_gate(id); // it is incomplete
}

/// The last process of a session has ended.
pub fn end_session(ctx: &mut Context, id: SessionId, last: Process, at: BootNanos) {
    apply::step(ctx, Input::Ending(id));
    flows::settle_flows_of(&mut ctx.kernel.maps, &mut ctx.flows.lingering, id, at);
    ctx.upkeep.asking.forget(&mut ctx.reporter, &ctx.decider.sessions, id);
    judge::judge_process(ctx, id, last, at, Subject::Lifecycle(Lifecycle::Ended), Pending::None);
    ctx.kernel.maps.remove_session(id);
    leave_the_freezer(&mut ctx.freezer, id);
    ctx.kernel.untag_ended(id);
    surveying::forget_surveys(&mut ctx.surveying, id);
    ctx.flows.searches.forget(id);
    ctx.flows.names.forget(id);
    ctx.flows.listeners.retain(|(session, _), _| *session != id);
    apply::step(ctx, Input::Over(id));
    ctx.surveying.surroundings.remove(&id);
    ctx.reporter.channels.terminals.leave(id);
    ctx.upkeep.unwatched_log.session_ended();
    ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
}

/// Nobody is left who could be thawed; a group that stays frozen would be nobody's.
fn leave_the_freezer(freezer: &mut Freezer, id: SessionId) {
    let released = freezer.release(id);
    let alive = |pid: &u32| matches!(life(*pid, BootNanos(0)), Life::Runs);
    let strangers: Vec<u32> = released.processes.into_iter().filter(alive).collect();
    if !strangers.is_empty() {
        tracing::warn!(session = %id, pids = ?strangers, "stood in its frozen group without being of it, and run again");
    }
}
