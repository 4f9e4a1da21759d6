//! Bringing what happened to the decider.

use std::time::Instant;

use monitor_common::event::state;

use crate::daemon::{
    apply,
    context::{Context, flows::turned_away::TurnedAway},
};
use interlock_core::{
    decide::{Act, Decider, Input, Pending},
    facts::{BootNanos, Process, SessionId, Subject},
    holds::HeldCaller,
    sessions::Registry,
};
use interlock_host::probes::Maps;

/// Judges something that has already happened.
pub fn judge_fact(ctx: &mut Context, id: SessionId, pid: u32, at: BootNanos, subject: Subject) {
    judge(ctx, id, pid, at, subject, Pending::None);
}

pub fn judge(ctx: &mut Context, id: SessionId, pid: u32, at: BootNanos, subject: Subject, pending: Pending) {
    let known = ctx.decider.sessions.actor(id, pid).cloned();
    judge_process(ctx, id, known.unwrap_or(Process { pid, ..Process::default() }), at, subject, pending);
}

/// The same of a process that may be known to nobody any more.
pub fn judge_process(
    ctx: &mut Context,
    session: SessionId,
    process: Process,
    at: BootNanos,
    subject: Subject,
    pending: Pending,
) {
    let started = Instant::now();
    let pack_off = ctx.policies.catalog.switched_off(&subject).map(str::to_owned);
    apply::step(ctx, Input::Act(Box::new(Act { session, process, at, subject, pending, pack_off })));
    ctx.reporter.metrics.decided(&session.to_string(), started.elapsed());
}

/// What waits for the decision about a caller whose record has this state; `None` where everything about it was reported
/// when it was decided.
pub fn pending(
    decider: &Decider,
    turned_away: &mut TurnedAway,
    session: SessionId,
    caller: HeldCaller,
    state: u32,
) -> Option<Pending> {
    match state {
        state::ASKED => (!decider.waits(&caller)).then_some(Pending::Caller(caller)),
        state::REFUSED if turned_away.was_reported(session, caller) => None,
        state::REFUSED | state::REFUSED_IO_URING => Some(Pending::Refused { observed: false }),
        _ => Some(Pending::None),
    }
}

/// A touch is judged: from here on it counts as what it is, not as what the kernel took it for.
pub fn settle_touch(maps: &mut Maps, sessions: &mut Registry, id: SessionId, touch: u64) {
    if touch == 0 {
        return; // none that rules care about
    }
    let settled = sessions.get_mut(id).and_then(|session| session.touches.judged(touch));
    // Fails closed: an unsettled touch makes the session's flows ask.
    if let Some(settled) = settled
        && let Err(error) = maps.settle(id, settled)
    {
        tracing::warn!(session = %id, %error, "a touch stays what it looked like");
    }
}
