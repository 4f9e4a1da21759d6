//! What is decided by: the rules in force, the sessions, and what waits.

use std::{path::PathBuf, sync::Arc};

use super::{
    decision::Decision,
    effect::{Effect, Extra, Report},
    execs::PendingExecs,
};
use crate::{
    facts::{Action, BootNanos, Mode, SessionId},
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
    /// Files and directories of Interlock's own, which nobody may let a session open.
    pub own: Arc<[PathBuf]>,
    /// Points at which a session's breaker trips.
    pub risk_budget: u32,
}

/// Everything that decisions are made from, and nothing else.
pub struct Decider {
    pub settings: Settings,
    /// Whoever calls describes sessions and processes here. Whether one is frozen and its breaker change in [`Decider::step`],
    /// and when a new daemon takes them over; its memory changes in a step.
    pub sessions: Registry,
    /// Execs that were asked about and have not run yet.
    pub execs: PendingExecs,
    pub(super) holds: Holds,
}

/// A step under way: its time, and what follows from it so far.
pub(super) struct Step<'o> {
    pub now: BootNanos,
    pub out: &'o mut Vec<Effect>,
}

impl Step<'_> {
    pub fn push(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    pub fn record(&mut self, entry: Entry) {
        self.push(Effect::Record(entry));
    }

    /// Tells an act that was judged.
    pub fn report_act(&mut self, name: &'static str, decision: &Arc<Decision>, action: Action, extra: Extra) {
        self.report(Report::Act { name, decision: Arc::clone(decision), action, extra });
    }

    pub fn report(&mut self, report: Report) {
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

    /// Whether the session is frozen; one that is over is not.
    pub(super) fn is_frozen(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|session| session.frozen)
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
}
