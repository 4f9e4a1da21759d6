//! Tripping a session's breaker: the tree is frozen, or ended if it was thawed before.

use std::sync::Arc;

use super::{
    decider::{Decider, Step},
    decision::Decision,
    effect::{Effect, Report, Stop},
};
use crate::{
    breaker::Response,
    facts::{Action, BootNanos, SessionId},
    record::Who,
    sessions::Outcome,
};

impl Decider {
    pub(super) fn trip_by_rule(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>) {
        let by = decision.verdict.decisive.as_ref().map(|rule| (rule.id.clone(), rule.summary.clone()));
        let (rule, summary) = by.unwrap_or_default();
        let at_least = (decision.verdict.action == Action::Kill).then_some(Response::Kill);
        self.trip(step, decision, &rule, &summary, at_least);
    }

    /// Opens the session's breaker.
    pub(super) fn trip(
        &mut self,
        step: &mut Step<'_>,
        decision: &Decision,
        rule: &str,
        why: &str,
        at_least: Option<Response>,
    ) {
        let (id, at) = (decision.fact.session, decision.fact.at);
        if self.stops_nothing(step, id) {
            let (rule, why) = (rule.to_owned(), why.to_owned());
            return step.report(Report::WouldFreeze { at, session: id, rule, why });
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.frozen && at_least.is_none() {
            return; // what was already under way when it was frozen
        }
        let response = session.breaker.on_trip(at).max(at_least.unwrap_or(Response::Freeze));
        self.stop(
            step,
            response,
            Stop { session: id, who: Who::Rule(rule.to_owned()), why: why.to_owned(), asked: at },
        );
    }

    /// Freezes or ends the tree, as the breaker answered.
    pub(super) fn stop(&mut self, step: &mut Step<'_>, response: Response, stop: Stop) {
        match response {
            Response::Kill => self.kill(step, stop),
            Response::Freeze | Response::Hold => self.freeze(step, stop),
        }
    }

    /// Freezes the tree; once for everything that was under way by then.
    pub(super) fn freeze(&mut self, step: &mut Step<'_>, stop: Stop) {
        let Some(session) = self.sessions.get_mut(stop.session) else { return };
        if session.frozen && stop.asked <= session.frozen_at {
            return;
        }
        (session.frozen, session.frozen_at) = (true, step.now);
        step.push(Effect::Freeze(stop));
        step.push(Effect::Save);
    }

    fn kill(&mut self, step: &mut Step<'_>, stop: Stop) {
        if let Some(session) = self.sessions.get_mut(stop.session) {
            session.breaker.on_kill();
        }
        step.push(Effect::Kill(stop));
        step.push(Effect::Save);
    }

    /// A freeze is done.
    pub(super) fn stopped(&mut self, step: &mut Step<'_>, id: SessionId, outcome: &Outcome) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.freeze(outcome, step.now);
            step.push(Effect::Save);
        }
    }

    /// A person freezes the tree. That accuses nobody.
    pub(super) fn freeze_by(&mut self, step: &mut Step<'_>, id: SessionId, who: Who) {
        self.end_suspension(step, id, who.clone(), "a person froze the session");
        if let Some(session) = self.sessions.get_mut(id) {
            session.breaker.on_person_freeze();
            let (why, asked): (_, BootNanos) = ("a person asked".to_owned(), step.now);
            self.freeze(step, Stop { session: id, who, why, asked });
        }
    }

    /// A person ends the tree, frozen or not. What of it waits is gone with its processes.
    pub(super) fn kill_by(&mut self, step: &mut Step<'_>, id: SessionId, who: Who) {
        if self.sessions.get(id).is_some() {
            self.kill(step, Stop { session: id, who, why: "a person asked".to_owned(), asked: step.now });
        }
    }

    /// A person lets a frozen tree go on.
    pub(super) fn thaw(&mut self, step: &mut Step<'_>, id: SessionId, who: Who) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.frozen) else { return };
        let stood = session.thaw();
        session.breaker.on_thaw(step.now);
        step.push(Effect::Save);
        step.push(Effect::Thaw { session: id, who, stood });
    }
}
