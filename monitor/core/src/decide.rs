//! The decision: facts, answers and time in, effects out.
//!
//! [`Decider::step`] is the only place where anything is decided, in the daemon, in rule tests and in replays. It reads no clock and
//! does nothing itself: what follows stands in the list of [`Effect`]s, and whoever called carries it out in its order. The states
//! and what moves between them are written down in `docs/decide.md`, and held against this code by a model
//! (`decide/tests/model.rs`).

mod act;
mod answer;
mod effect;
mod end;
mod execs;
mod hold;
mod input;
mod silence;
mod trip;

use std::sync::Arc;

pub use self::{
    act::{Decision, event_name},
    answer::Objection,
    effect::{Effect, Extra, Report, Stop, Waiter},
    execs::{ARGUMENTS_MAX, Arguments, Asked, PendingExecs},
    input::{Act, Approval, Input, Pending, Waiting},
};
use crate::{
    facts::{BootNanos, Mode, SessionId},
    holds::{HeldCaller, HeldFlow, Holds},
    record::Entry,
    rules::RuleSet,
    sessions::Registry,
};

/// What decides: the rules in force and how far they reach.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Arc<RuleSet>,
    pub mode: Mode,
    /// Points at which a session's breaker trips.
    pub risk_budget: u32,
}

/// Everything that decisions are made from, and nothing else.
pub struct Decider {
    pub settings: Settings,
    /// Whoever calls describes sessions and processes here; whether one is frozen, its breaker and its memory change in
    /// [`Decider::step`] alone.
    pub sessions: Registry,
    /// Execs that were asked about and have not run yet.
    pub execs: PendingExecs,
    holds: Holds,
}

/// A step under way: its time, and what follows from it so far.
struct Step<'o> {
    now: BootNanos,
    out: &'o mut Vec<Effect>,
}

impl Step<'_> {
    fn push(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    fn record(&mut self, entry: Entry) {
        self.push(Effect::Record(entry));
    }

    fn report(&mut self, report: Report) {
        self.push(Effect::Report(report));
    }
}

impl Decider {
    /// Nothing is known yet; holds are numbered from `next_hold` on.
    #[must_use]
    pub fn new(settings: Settings, next_hold: u64) -> Self {
        let (sessions, execs) = (Registry::default(), PendingExecs::default());
        Self { settings, sessions, execs, holds: Holds::new(next_hold) }
    }

    /// Takes one input in, at the boot clock's `now`, and puts what follows from it at the end of `out`.
    pub fn step(&mut self, now: BootNanos, input: Input, out: &mut Vec<Effect>) {
        let step = &mut Step { now, out };
        match input {
            Input::Act(act) => self.judge(step, *act),
            Input::AsksAgain(flow) => self.asks_again(&flow),
            Input::Reconnected { cookie } => self.holds.reconnected(cookie),
            Input::FlowClosed { cookie } => self.flow_closed(step, cookie),
            Input::CallerEnded { pid } => self.caller_ended(step, pid),
            Input::Ending(session) => self.ending(step, session),
            Input::Over(session) => self.over(session),
            Input::Approved(approval) => self.approve(step, &approval),
            Input::Denied { hold, who } => self.deny(step, hold, who),
            Input::FreezeAsked { session, who } => self.freeze_by(step, session, who),
            Input::Thawed { session, who } => self.thaw(step, session, who),
            Input::Stopped { session, outcome } => self.stopped(step, session, &outcome),
            Input::Shown { hold } => self.holds.show(hold),
            Input::Restored(hold) => self.holds.restore(*hold),
            Input::RestoredGrants(grants) => self.holds.restore_grants(grants),
            Input::Remembers(session) => self.gate_by_memory(step, session),
            Input::NotGated(session) => self.not_gated(session),
            Input::Tick => self.expire(step),
            Input::Ends { why } => self.deny_all(step, &why),
        }
    }

    #[must_use]
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Whether this flow's question is asked already.
    #[must_use]
    pub fn is_asked(&self, flow: &HeldFlow) -> bool {
        self.holds.of_flow(flow).is_some()
    }

    /// Whether this very caller waits already: a stray SIGCONT made it ask again.
    #[must_use]
    pub fn waits(&self, caller: &HeldCaller) -> bool {
        self.holds.of_caller(caller).is_some()
    }

    #[must_use]
    pub fn observes(&self) -> bool {
        self.settings.mode == Mode::Observe
    }

    /// Whether the session's connections must ask under these rules: what waits for a person goes on waiting, also where the
    /// rules in force would not have held it. The answer is taken for what the kernel is told.
    pub fn settle_gate(&mut self, id: SessionId) -> Option<bool> {
        let waits = self.holds.of_session(id.0).next().is_some();
        let rules = &self.settings.rules;
        let session = self.sessions.get_mut(id)?;
        session.gated = rules.always_gated() || waits || session.incomplete || rules.gates(&session.memory);
        Some(session.gated)
    }

    fn asks_again(&mut self, asked: &HeldFlow) {
        if let Some(held) = self.holds.of_flow_mut(asked) {
            // A newer generation only means that more was touched meanwhile.
            held.generation = held.generation.max(asked.generation);
        }
    }

    fn not_gated(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.gated = false; // the next fact tries again
        }
    }
}

#[cfg(test)]
mod tests;
