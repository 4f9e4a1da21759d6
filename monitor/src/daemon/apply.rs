//! Carrying out what was decided, effect by effect. Nothing else acts on a session by a decision.
//!
//! What is carried out may have to be decided about in turn: how a freeze ended, a gate that could not be set, what a session has
//! learned from another. So the step and what leads back to it stand together here; what does not lead back stands below.

pub mod callers;
pub mod flow_state;
pub mod flows;
pub mod reporting;
pub mod stopping;
pub mod waiters;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use monitor_common::label::GATED;

use crate::{
    daemon::context::{Context, reporter::dismissed::DropReason},
    metrics::kind_name,
};
use interlock_core::{
    decide::{Effect, Input, Stop},
    facts::{Process, SessionId},
    recognition,
    record::Kind,
    rules::Touch,
    sessions::{Registry, Session},
};
use interlock_host::{clock::boot_now, enforcement::freeze, probes::Maps};

/// Decides, and carries out what follows.
pub fn step(ctx: &mut Context, input: Input) {
    let mut effects = std::mem::take(&mut ctx.effects);
    ctx.decider.step(boot_now(), input, &mut effects);
    apply(ctx, effects.drain(..));
    ctx.effects = effects; // its room is used again
}

fn apply(ctx: &mut Context, effects: impl Iterator<Item = Effect>) {
    let mut judged = false;
    for effect in effects {
        judged |= matches!(effect, Effect::Judged(_));
        carry_out(ctx, effect);
    }
    if judged {
        ctx.reporter.explanations.deciding = None;
    }
}

fn carry_out(ctx: &mut Context, effect: Effect) {
    match effect {
        Effect::Judged(decision) => reporting::count(&mut ctx.reporter, decision),
        Effect::TooLate { kind } => ctx.reporter.dismiss(kind_name(kind), DropReason::SessionOver),
        Effect::Allow(waiter) => {
            waiters::allow(&mut ctx.kernel.maps, &mut ctx.decider, &mut ctx.flows.searches, waiter)
        }
        Effect::Refuse(waiter) => {
            waiters::turn_away(&mut ctx.kernel.maps, &mut ctx.decider, &mut ctx.flows, waiter)
        }
        Effect::Drop(waiter) => {
            waiters::drop_data(&mut ctx.kernel.maps, &mut ctx.decider, &mut ctx.flows.turned_away, waiter)
        }
        Effect::KeepHeld { cookie, at } => {
            flows::keep_held(&mut ctx.kernel.maps, &mut ctx.flows.lingering, cookie, at)
        }
        Effect::Gate(session) => gate(ctx, session),
        Effect::Freeze(stop) => freeze(ctx, stop),
        Effect::Kill(stop) => stopping::kill(
            &mut ctx.kernel.maps,
            &mut ctx.freezer,
            &mut ctx.reporter,
            &ctx.decider.sessions,
            stop,
        ),
        Effect::Thaw { session, who, stood } => stopping::thaw(
            &mut ctx.kernel.maps,
            &mut ctx.freezer,
            &mut ctx.reporter,
            &ctx.decider.sessions,
            session,
            who,
            &stood,
        ),
        Effect::Record(entry) => drop(ctx.reporter.keep(entry)), // fails open: see `keep`
        Effect::Report(report) => reporting::report(&mut ctx.reporter, &ctx.decider, report),
        Effect::PassOn(session) => {
            ctx.reporter.explanations.deciding = None; // what others are told of is not what was judged
            pass_on(ctx, [session]);
        }
        Effect::KeepAccount { hold } => ctx.reporter.explanations.keep_account(
            &ctx.reporter.wall,
            &ctx.decider.sessions,
            &ctx.policies.rules,
            hold,
        ),
        Effect::Waited(waited) => ctx.reporter.metrics.hold_waited(waited),
        Effect::Save => ctx.state.save(),
    }
}

fn gate(ctx: &mut Context, session: SessionId) {
    if let Err(error) = ctx.kernel.maps.set_flags(session, GATED, true) {
        // Fails open, visibly; the next fact tries again.
        tracing::error!(%session, %error, "the session's connections cannot be held");
        step(ctx, Input::NotGated(session));
    }
}

fn freeze(ctx: &mut Context, stop: Stop) {
    let sessions = &ctx.decider.sessions;
    let creator = |pid| sessions.process(pid).map(|process| process.parent);
    let outcome = freeze::freeze(&mut ctx.kernel.maps, &mut ctx.freezer, stop.session, &creator);
    ctx.reporter.metrics.freezes.inc();
    ctx.reporter.metrics.frozen_by_signal.inc_by(outcome.by_signal.len() as u64);
    step(ctx, Input::Stopped { session: stop.session, outcome: outcome.clone() });
    stopping::report_stopped(
        &mut ctx.reporter,
        &ctx.decider.sessions,
        "session-frozen",
        Kind::Freeze,
        stop,
        &outcome,
    );
}

/// What these sessions have touched counts for all that they can reach by meetings.
pub fn pass_on<const N: usize>(ctx: &mut Context, from: [SessionId; N]) {
    let group = reached(&ctx.decider.sessions, &ctx.kernel.maps, from);
    if group.len() < 2 {
        return;
    }
    group.iter().for_each(|id| notice_losses_of(ctx, *id)); // before a touch is settled
    let sessions = group.iter().filter_map(|id| ctx.decider.sessions.get(*id));
    let known: Vec<(SessionId, Arc<Touch>)> = sessions.clone().flat_map(touches).collect();
    let unknown = sessions.clone().any(|session| session.incomplete);
    for id in group {
        count_for(ctx, id, &known);
        if unknown {
            let root = ctx.decider.sessions.process(id.root()).cloned().unwrap_or_default();
            mark_incomplete(ctx, id, &root, "it has met a session of which something is unknown");
        }
    }
}

/// The sessions, and whom they have met, and whom those have met; of one user, as what one user's agents do is no reason to stop
/// another's.
fn reached<const N: usize>(sessions: &Registry, maps: &Maps, from: [SessionId; N]) -> BTreeSet<SessionId> {
    let user = |id: SessionId| sessions.get(id).map(|session| session.user);
    let of = from.first().and_then(|id| user(*id));
    let mut group: BTreeSet<SessionId> =
        from.into_iter().filter(|id| of.is_some() && user(*id) == of).collect();
    let mut new: Vec<SessionId> = group.iter().copied().collect();
    while let Some(id) = new.pop() {
        let met = maps.met(id).into_iter().filter(|other| user(*other) == of);
        new.extend(met.filter(|other| group.insert(*other)));
    }
    group
}

fn count_for(ctx: &mut Context, id: SessionId, known: &[(SessionId, Arc<Touch>)]) {
    let Some(session) = ctx.decider.sessions.get_mut(id) else { return };
    let mut news: Vec<String> = Vec::new();
    for (from, touch) in known {
        let counts = touch.foreign && !is_own(session, Path::new(&touch.path));
        if counts && session.memory.take_over(touch, *from) {
            session.remember(format!("{:?} foreign {} {}", touch.grade, touch.class, touch.path));
            news.push(touch.path.clone());
        }
    }
    if news.is_empty() {
        return;
    }
    step(ctx, Input::Remembers(id));
    // The kernel did so for those that the one that touched has met itself, before this was known.
    flows::ask_again(&mut ctx.kernel.maps, id);
    let event =
        ctx.reporter.event(&ctx.decider.sessions, "touch-shared", boot_now(), id).with("file.paths", news);
    ctx.reporter.publish(&ctx.decider.sessions, event);
}

pub fn mark_incomplete(ctx: &mut Context, id: SessionId, process: &Process, why: &str) {
    let Some(session) = ctx.decider.sessions.get_mut(id).filter(|session| !session.incomplete) else {
        return;
    };
    session.incomplete = true;
    ctx.decider.settle_gate(id);
    if let Err(error) = ctx.kernel.maps.set_flags(id, GATED, true) {
        tracing::error!(session = %id, %error, "what it did before it was watched is unknown, and its connections may not ask");
    }
    flows::ask_again(&mut ctx.kernel.maps, id);
    let event = ctx
        .reporter
        .event(&ctx.decider.sessions, "session-incomplete", boot_now(), id)
        .process(process)
        .with("session.incomplete", true)
        .with("message", why);
    ctx.reporter.publish(&ctx.decider.sessions, event);
    pass_on(ctx, [id]);
}

/// Also before a flow is judged: what was lost may be the very touch that the rules ask for.
pub fn notice_losses_of(ctx: &mut Context, id: SessionId) {
    let lost = ctx.kernel.maps.taint(id).map_or(0, |taint| taint.lost);
    let Some(session) = ctx.decider.sessions.get_mut(id).filter(|session| lost > session.lost) else {
        return;
    };
    session.lost = lost;
    session.incomplete = true;
    let event = ctx
        .reporter
        .event(&ctx.decider.sessions, "records-lost", boot_now(), id)
        .with("interlock.lost", lost);
    ctx.reporter.publish(&ctx.decider.sessions, event);
    pass_on(ctx, [id]);
}

fn touches(session: &Session) -> impl Iterator<Item = (SessionId, Arc<Touch>)> {
    session.memory.touches().iter().map(|touch| (session.id, Arc::clone(touch)))
}

/// What lies in its own trees is the session's also where somebody else has read it.
fn is_own(session: &Session, path: &Path) -> bool {
    let trees = session.workspace.iter().chain(&session.project);
    session.is_served(path) || trees.into_iter().any(|tree| !recognition::is_outside(Some(tree), path))
}
