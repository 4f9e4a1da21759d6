//! An act: the rules' verdict, and what follows from it.

use std::sync::Arc;

use serde_json::json;

use super::{
    decider::{Decider, Step},
    decision::{Decision, event_name},
    effect::{Effect, Report, Waiter},
    input::{Act, Pending, Waiting},
};
use crate::{
    breaker::risk,
    facts::{Action, Fact, Lifecycle, SessionId, Subject, Transport},
    holds::{HeldCaller, HeldFlow, Object, let_go::End},
};

impl Decider {
    pub(super) fn judge(&mut self, step: &mut Step<'_>, act: Act) {
        if act.pack_off.is_some() {
            return self.pass_over(step, act);
        }
        let Act { session: id, process, at, subject, pending, .. } = act;
        if let Pending::Flow { flow, .. } = pending {
            self.end_unseen(step, flow.cookie, End::AskedAgain);
        }
        // Who read a secret is asked when nobody may be there any more to tell.
        let reads = matches!(&subject, Subject::Open(secret) if !secret.owner);
        let lineage = reads.then(|| self.sessions.lineage_of(id, process.pid));
        let rules = Arc::clone(&self.settings.rules);
        let Some(session) = self.sessions.get_mut(id) else {
            return too_late(step, id, process.pid, &subject, pending);
        };
        let past = session.memory.past();
        let fact = Fact {
            at,
            session: id,
            agent: session.agent.clone(),
            session_age: session.age(at),
            incomplete: session.incomplete,
            pod: session.in_pod(),
            process,
            subject,
        };
        let verdict = rules.evaluate(&fact, &mut session.memory);
        let (mut risk, suspended) = (session.memory.risk(at), session.suspended_at(step.now).is_some());
        if let Some(lineage) = lineage {
            session.memory.note_reader(&fact, lineage);
        }
        let decision = Arc::new(Decision { fact, verdict, past, rules });
        if suspended
            && self.lets_go_on(step, &decision).is_some()
            && let Some(session) = self.sessions.get_mut(id)
        {
            session.memory.forgive(decision.verdict.points, at); // what a person lets through is no risk
            risk = session.memory.risk(at);
        }
        step.push(Effect::Judged(Arc::clone(&decision)));
        self.gate_by_memory(step, id);
        self.carry_out(step, &decision, pending);
        if spends(&decision, risk, self.settings.risk_budget) {
            self.trip(step, &decision, risk::RULE, &format!("the session's risk is {risk} points"), None);
        }
        if matches!(&decision.fact.subject, Subject::Open(secret) if !secret.owner && secret.foreign) {
            step.push(Effect::PassOn(id));
        }
    }

    /// Tells what no rule is asked about. Nothing waits for it, unless the pack was switched off a moment ago.
    fn pass_over(&mut self, step: &mut Step<'_>, act: Act) {
        let Act { session, process, at, subject, pending, pack_off } = act;
        if let Some(what) = pending.waiting() {
            self.allow(step, Waiter { session, pid: process.pid, what });
        }
        let pack = pack_off.unwrap_or_default();
        step.report(Report::PassedOver { at, session, process, subject, pack });
    }

    /// From now on the session's connections ask, if what it remembers wants that.
    pub(super) fn gate_by_memory(&mut self, step: &mut Step<'_>, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if !session.gated && self.settings.rules.gates(&session.memory) {
            session.gated = true;
            step.push(Effect::Gate(id));
        }
    }

    fn carry_out(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, pending: Pending) {
        let action = decision.verdict.action;
        let waits = pending.waiting().is_some();
        if action >= Action::Freeze && waits {
            // Stopped before it is refused: who sees its error would run on.
            self.trip_by_rule(step, decision);
        }
        match pending {
            Pending::Flow { flow, unseen } => self.decide_flow(step, decision, flow, unseen),
            Pending::Caller(caller) => self.decide_caller(step, decision, caller),
            Pending::Refused { observed } => {
                let name = match (observed, &decision.fact.subject) {
                    (true, _) => "would-refuse",
                    (false, Subject::Connect(_)) => "connect-refused",
                    (false, _) => "syscall-denied",
                };
                step.report_act(name, decision, Action::Deny, Vec::new());
            }
            Pending::None => self.report_done(step, decision, false),
            Pending::Changed => self.report_done(step, decision, true),
        }
        if action >= Action::Freeze && !waits {
            self.trip_by_rule(step, decision);
        }
    }

    /// It has happened.
    fn report_done(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, changed: bool) {
        let Decision { fact, verdict, .. } = &**decision;
        let (name, action) = (event_name(&fact.subject), verdict.action);
        if verdict.matches.is_empty() && !is_worth_an_event(&fact.subject) {
            return;
        }
        if !matches!(action, Action::Hold | Action::Deny) {
            return step.report_act(name, decision, action, Vec::new());
        }
        // Seen after the fact: an open or an exec on a backend that only observes, a connect before its data.
        step.report_act(name, decision, Action::Alert, vec![("interlock.degraded", json!(action))]);
        if changed && !self.may_run(decision, action) {
            let why = "what runs is not what was judged before it ran";
            self.trip(step, decision, &decision.rule(), why, None);
        }
    }

    /// Whether a person has let the program run, with whatever arguments.
    fn may_run(&self, decision: &Decision, action: Action) -> bool {
        let (object, terms) = (Object::Program(decision.fact.process.executable.clone()), decision.terms());
        let asked = decision.asked(&object, &terms);
        action == Action::Hold && self.holds.grants.stands_for(&asked, decision.fact.at)
    }

    fn decide_flow(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, flow: HeldFlow, unseen: bool) {
        let Decision { fact, verdict, .. } = &**decision;
        let waiter = decision.waiter(Waiting::Flow(flow));
        let action = verdict.action;
        let asked = ("flow.asked_ns", json!(fact.at.0));
        if action <= Action::Alert || self.observes() {
            if action > Action::Alert {
                step.report_act(would(action), decision, action, vec![asked]);
            } else {
                // With the name that it said by now: what a record of the session is judged by again.
                let name = if verdict.matches.is_empty() { "flow-passed" } else { "connect" };
                step.report_act(name, decision, action, Vec::new());
            }
            return self.allow(step, waiter);
        }
        if let Some(by) = self.lets_go_on(step, decision) {
            return self.let_through(step, decision, Waiting::Flow(flow), by, vec![asked]);
        }
        if action <= Action::Deny && unseen {
            // A person cannot judge a guess, a model must not be stopped by one, and a control plane must not pass by one.
            // Nothing of what waits has left, so whoever sent it may send it again: on a connection that says who it is for.
            self.refuse(step, waiter);
            let why = "the connection is older than its session, and does not say who it is for";
            return step.report_act(
                "flow-reset",
                decision,
                Action::Alert,
                vec![asked, ("message", json!(why))],
            );
        }
        if action == Action::Hold {
            return self.hold_or_harder(step, decision, Waiting::Flow(flow));
        }
        self.refuse(step, waiter);
        let decided = ("flow.decided_ns", json!(step.now.0));
        step.report_act("flow-denied", decision, action, vec![asked, decided]);
    }

    /// Decides about a caller that is stopped before its system call.
    fn decide_caller(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, caller: HeldCaller) {
        let (action, waiter) = (decision.verdict.action, decision.waiter(Waiting::Caller(caller)));
        if action <= Action::Alert || self.observes() {
            if action > Action::Alert {
                step.report_act(would(action), decision, action, Vec::new());
            }
            return self.allow(step, waiter);
        }
        if let Some(by) = self.lets_go_on(step, decision) {
            return self.let_through(step, decision, Waiting::Caller(caller), by, Vec::new());
        }
        if action == Action::Hold {
            return self.hold_caller(step, decision, caller);
        }
        step.report_act("syscall-denied", decision, action, Vec::new());
        self.refuse(step, waiter);
    }

    /// Of one exec a person is asked once, although the kernel asks several times.
    fn hold_caller(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, caller: HeldCaller) {
        if caller.is_exec() {
            let rule = decision.rule();
            let is_approved = self.execs.was_approved(caller.pid, &rule);
            if is_approved && !self.is_frozen(decision.fact.session) {
                return self.allow(step, decision.waiter(Waiting::Caller(caller)));
            }
            self.execs.holds(caller.pid, &rule);
        }
        self.hold_or_harder(step, decision, Waiting::Caller(caller));
    }
}

/// A record of a session that is over: nothing of what waits may leave.
fn too_late(step: &mut Step<'_>, session: SessionId, pid: u32, subject: &Subject, pending: Pending) {
    match pending.waiting() {
        Some(Waiting::Flow(flow)) => {
            let at = step.now;
            step.push(Effect::KeepHeld { cookie: flow.cookie, at });
        }
        Some(what) => step.push(Effect::Refuse(Waiter { session, pid, what })),
        None => {}
    }
    step.push(Effect::TooLate { kind: subject.kind() });
}

/// Whether this spends the budget, so that the breaker must trip.
///
/// What is held is contained already; the next thing that adds to the risk trips the breaker. Of a session that is
/// over, nothing is left to stop.
fn spends(decision: &Decision, risk: u32, budget: u32) -> bool {
    let over = decision.fact.subject == Subject::Lifecycle(Lifecycle::Ended);
    !over && risk >= budget && decision.verdict.points > 0 && decision.verdict.action < Action::Hold
}

pub(super) fn would(action: Action) -> &'static str {
    match action {
        Action::Hold => "would-hold",
        Action::Deny => "would-deny",
        Action::Freeze => "would-freeze",
        _ => "would-kill",
    }
}

/// Execs and datagram connects are too many to be reported if no rule asks for them.
fn is_worth_an_event(subject: &Subject) -> bool {
    match subject {
        Subject::Exec => false,
        Subject::Connect(destination) | Subject::Handshake(destination) => {
            destination.transport == Transport::Tcp
        }
        _ => true,
    }
}
