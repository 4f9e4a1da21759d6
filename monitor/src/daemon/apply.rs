//! Carrying out what was decided, effect by effect. Nothing else acts on a session by a decision.

use std::{collections::HashSet, sync::Arc};

use interlock_core::{
    decide::{Decision, Effect, Extra, Input, Report, Stop, Waiter, Waiting, event_name},
    facts::{Action, BootNanos, SessionId, Severity, Stage, Subject},
    holds::Hold,
    record::{Kind, Who},
    sessions::Outcome,
};
use interlock_host::{clock::boot_now, enforcement::freeze};
use monitor_common::{label::GATED, policy::FLOW_DENIED};
use serde_json::json;

use super::{engine::Engine, losses::DropReason};
use crate::metrics::kind_name;

impl Engine {
    pub(super) fn apply(&mut self, effects: impl Iterator<Item = Effect>) {
        let mut judged = false;
        for effect in effects {
            judged |= matches!(effect, Effect::Judged(_));
            self.carry_out(effect);
        }
        if judged {
            self.explanations.deciding = None;
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Judged(decision) => self.count(decision),
            Effect::TooLate { kind } => self.dismiss(kind_name(kind), DropReason::SessionOver),
            Effect::Allow(waiter) => self.allow(waiter),
            Effect::Refuse(waiter) => self.turn_away(waiter),
            Effect::Drop(waiter) => self.drop_data(waiter),
            Effect::KeepHeld { cookie, at } => self.keep_held(cookie, at),
            Effect::Gate(session) => self.gate(session),
            Effect::Freeze(stop) => self.freeze(stop),
            Effect::Kill(stop) => self.kill(stop),
            Effect::Thaw { session, who, stood } => self.thaw(session, who, &stood),
            Effect::Record(entry) => drop(self.keep(entry)), // fails open: see `keep`
            Effect::Report(report) => self.report(report),
            Effect::PassOn(session) => self.pass_on([session]),
            Effect::KeepAccount { hold } => self.keep_account(hold),
            Effect::Waited(waited) => self.metrics.hold_waited(waited),
            Effect::Save => self.save(),
        }
    }

    /// What follows tells of this decision.
    fn count(&mut self, decision: Arc<Decision>) {
        self.metrics.event(kind_name(decision.fact.subject.kind()));
        for found in &decision.verdict.matches {
            self.metrics.rule_matched(&found.rule.id, found.action);
        }
        for rule in &decision.verdict.guard_faults {
            self.metrics.guard_failed(&rule.id);
        }
        self.explanations.deciding = Some(decision);
    }

    fn allow(&mut self, waiter: Waiter) {
        match waiter.what {
            Waiting::Flow(flow) => self.release(waiter.session, waiter.pid, &flow),
            Waiting::Caller(caller) => self.resume(waiter.session, caller),
        }
    }

    fn turn_away(&mut self, waiter: Waiter) {
        match waiter.what {
            Waiting::Flow(flow) => self.refuse(waiter.session, waiter.pid, &flow),
            Waiting::Caller(caller) => self.deny_caller(waiter.session, caller),
        }
    }

    fn drop_data(&mut self, waiter: Waiter) {
        match waiter.what {
            Waiting::Flow(flow) => self.deny_flow(flow.cookie, flow.decided(FLOW_DENIED)),
            Waiting::Caller(caller) => self.deny_caller(waiter.session, caller),
        }
    }

    fn gate(&mut self, session: SessionId) {
        if let Err(error) = self.maps.set_flags(session, GATED, true) {
            // Fails open, visibly; the next fact tries again.
            tracing::error!(%session, %error, "the session's connections cannot be held");
            self.step(Input::NotGated(session));
        }
    }

    fn freeze(&mut self, stop: Stop) {
        let sessions = &self.decider.sessions;
        let creator = |pid| sessions.process(pid).map(|process| process.parent);
        let outcome = freeze::freeze(&mut self.maps, &mut self.freezer, stop.session, &creator);
        self.metrics.freezes.inc();
        self.metrics.frozen_by_signal.inc_by(outcome.by_signal.len() as u64);
        self.step(Input::Stopped { session: stop.session, outcome: outcome.clone() });
        self.tell_stopped("session-frozen", Kind::Freeze, stop, &outcome);
    }

    fn kill(&mut self, stop: Stop) {
        let outcome = freeze::kill(&mut self.maps, &self.freezer, stop.session);
        self.metrics.kills.inc();
        self.tell_stopped("session-killed", Kind::Kill, stop, &outcome);
    }

    fn tell_stopped(&mut self, name: &str, kind: Kind, stop: Stop, outcome: &Outcome) {
        let Stop { session, who, why, asked } = stop;
        let rule = if let Who::Rule(rule) = &who { vec![rule.clone()] } else { Vec::new() };
        let detail = [
            ("why", why.clone().into()),
            ("processes", outcome.members.into()),
            ("still_running", json!(outcome.running)),
        ];
        self.record(kind, who, Some(session), detail);
        let event = self
            .event(name, boot_now(), session)
            .alert(Severity::Critical, &why)
            .with("rule.id", rule)
            .with("freeze.asked_ns", asked.0)
            .with("freeze.done_ns", boot_now().0)
            .with("freeze.processes", outcome.members)
            .with("freeze.passes", outcome.passes)
            .with("freeze.still_running", json!(outcome.running))
            .with("freeze.by_signal", json!(outcome.by_signal))
            .with("freeze.took_us", u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX));
        self.publish(event);
    }

    fn thaw(&mut self, session: SessionId, who: Who, stood: &HashSet<u32>) {
        let user = if let Who::Caller { uid, .. } = who { json!(uid) } else { json!(null) };
        self.record(Kind::Thaw, who, Some(session), []);
        let outcome = freeze::thaw(&mut self.maps, &mut self.freezer, session, stood);
        let event = self
            .event("session-thawed", boot_now(), session)
            .with("freeze.processes", outcome.members)
            .with("freeze.still_stopped", json!(outcome.running))
            .with("user.id", user);
        self.publish(event);
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Act { name, decision, action, extra } => {
                self.report_act(name, &decision, action, extra);
            }
            Report::PassedOver { at, session, process, subject, pack } => {
                self.metrics.event(kind_name(subject.kind()));
                let event = self.event(event_name(&subject), at, session).process(&process).subject(&subject);
                self.publish(event.with("secret.pack", pack).with("interlock.action", "allow"));
            }
            Report::Hold { name, at, hold, extra } => self.report_hold(name, at, &hold, extra),
            Report::WouldFreeze { at, session, rule, why } => {
                let event = self.event("would-freeze", at, session);
                self.publish(event.with("rule.id", vec![rule]).with("message", why));
            }
        }
    }

    fn report_act(&mut self, name: &str, decision: &Decision, action: Action, extra: Extra) {
        let fact = &decision.fact;
        let mut event = self
            .event(name, fact.at, fact.session)
            .process(&fact.process)
            .subject(&fact.subject)
            .with("interlock.mode", json!(self.decider.settings.mode))
            .verdict(&decision.verdict, action);
        if fact.incomplete {
            event = event.with("session.incomplete", true);
        }
        if fact.subject == Subject::Lifecycle(Stage::Started)
            && let Some(session) = self.decider.sessions.get(fact.session)
        {
            event = event.origin(session);
        }
        for (field, value) in extra {
            event = event.with(field, value);
        }
        if decision.is_habit_again() {
            event = event.without_alert();
        }
        self.publish(event);
    }

    fn report_hold(&mut self, name: &str, at: BootNanos, hold: &Hold, extra: Extra) {
        let mut event = self.event(name, at, SessionId(hold.session)).with("hold.id", hold.id());
        for (field, value) in extra {
            event = event.with(field, value);
        }
        self.publish(event.object(&hold.object));
    }
}
