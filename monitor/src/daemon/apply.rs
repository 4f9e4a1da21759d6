//! Carrying out what was decided, effect by effect. Nothing else acts on a session by a decision.
//!
//! What is carried out may have to be decided about in turn: how a freeze ended, a gate that could not be set, what a session has
//! learned from another. So the step and what leads back to it stand together here; what does not lead back stands below.

pub mod callers;
pub mod flow_state;
pub mod flows;
pub mod notices;
pub mod reporting;
pub mod sent;
pub mod stopping;
pub mod waiters;

use monitor_common::{
    label::GATED,
    policy::{Flow, Sent},
};

use crate::{
    config::OnFull,
    daemon::context::{Context, reporter::dismissed::DropReason},
};
use interlock_core::{
    decide::{Effect, Input, Release, Stop},
    facts::SessionId,
    holds::{
        FlowKey, HeldFlow,
        let_go::{End, Progress},
    },
    record::Kind,
    words::Word as _,
};
use interlock_host::{clock::boot_now, enforcement::freeze};

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
        Effect::Judged(decision) => reporting::count(&mut ctx.reporter, &ctx.decider, decision),
        Effect::TooLate { kind } => ctx.reporter.dismiss(kind.word(), DropReason::SessionOver),
        Effect::Allow(waiter) => {
            waiters::allow(&mut ctx.kernel.maps, &mut ctx.decider, &mut ctx.flows.searches, waiter)
        }
        Effect::Release(release) => record_release(ctx, release),
        Effect::Count(flow) => count(ctx, &flow),
        Effect::CountNoMore(key) => ctx.kernel.maps.count_no_more(&key),
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
        // Fails open: freezing and denying must not wait for a disk.
        Effect::Record(entry) => drop(ctx.reporter.keep(entry)),
        Effect::Report(report) => reporting::report(&mut ctx.reporter, &ctx.decider, report),
        Effect::PassOn(session) => {
            ctx.reporter.explanations.deciding = None; // what others are told of is not what was judged
            pass_on(ctx, [session]);
        }
        Effect::AskAgain(session) => flows::ask_again(&mut ctx.kernel.maps, session),
        Effect::TakeBack(session) => ctx.kernel.maps.withdraw_of(session),
        Effect::KeepAccount { hold } => {
            ctx.reporter.explanations.keep_account(
                &ctx.reporter.wall,
                &ctx.decider.sessions,
                &ctx.decider.settings.rules,
                hold,
            );
            notices::tell_hold(&ctx.reporter, &ctx.decider, hold);
        }
        Effect::Waited { hold, span } => ctx.reporter.metrics.hold_waited(&format!("h{hold}"), span),
        Effect::Save => ctx.state.save(),
    }
}

/// Fails closed, unless the configuration says otherwise: whatever record is missing, nothing more is let go on until it is made up for.
fn record_release(ctx: &mut Context, release: Box<Release>) {
    ctx.reporter.keep(release.entry.clone());
    let recorded = !ctx.reporter.unwritten.is_failing() || ctx.config.on_full == OnFull::Degrade;
    step(ctx, Input::Recorded { release, recorded });
}

/// Fails open, visibly: a yes was said and is recorded, and the connection's end is recorded as unknown.
fn count(ctx: &mut Context, asked: &HeldFlow) {
    let key = asked.key();
    let end = match flow_state::to_let_on(&ctx.kernel.maps, asked) {
        None => End::Gone,
        Some(flow) => {
            end_elsewhere(ctx, key, &flow);
            match ctx.kernel.maps.count_flow(key.cookie, Sent::nothing(&flow)) {
                Ok(()) => return ctx.flows.look_soon(boot_now()),
                Err(error) => {
                    tracing::error!(cookie = key.cookie, %error, "what a connection sends cannot be counted");
                    End::Unknown("the kernel could not count it")
                }
            }
        }
    };
    step(ctx, Input::Sent { key, progress: Progress { bytes: 0, at_least: false, end: Some(end) } });
}

/// A socket sends by one yes at a time: what it was let go on to before has ended, and is told before the kernel's count of it is lost.
fn end_elsewhere(ctx: &mut Context, now: FlowKey, flow: &Flow) {
    let followed = ctx.decider.holds().let_go().of_socket(now.cookie);
    for key in followed.into_iter().filter(|key| *key != now) {
        let progress = sent::progress(&key, Some(flow), ctx.kernel.maps.sent(key.cookie).as_ref());
        step(ctx, Input::Sent { key, progress });
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
    let maps = &ctx.kernel.maps;
    let group = ctx.decider.reached(&from, &|id| maps.met(id));
    if group.len() < 2 {
        return;
    }
    group.iter().for_each(|id| notice_losses_of(ctx, *id)); // before a touch is settled
    step(ctx, Input::Met(group));
}

/// Also before a flow is judged: what was lost may be the very touch that the rules ask for.
pub fn notice_losses_of(ctx: &mut Context, id: SessionId) {
    let records = ctx.kernel.maps.taint(id).map_or(0, |taint| taint.lost);
    if ctx.decider.sessions.get(id).is_some_and(|session| records > session.lost) {
        step(ctx, Input::Lost { session: id, records });
    }
}
