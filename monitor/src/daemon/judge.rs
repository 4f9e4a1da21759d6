//! Judging: a fact, the rules' verdict, and what follows from it.

use std::{sync::Arc, time::Instant};

use monitor_common::label::GATED;
use serde_json::json;

use super::{engine::Engine, explaining::Decision, losses::Dismissal};
use crate::{
    ledger::record::{Kind as LedgerKind, Who},
    metrics::kind_name,
};
use interlock_core::{
    breaker::{Response, risk},
    facts::{Action, BootNanos, Fact, Process, SessionId, Stage, Subject},
    holds::{HeldCaller, HeldFlow, Object},
    rules::Verdict,
    sessions::{Outcome, judgement::Judged},
};
use interlock_host::{
    clock::boot_now,
    enforcement::freeze::{self},
};

/// What waits for the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stake {
    /// Nothing: it has happened.
    None,
    /// Nothing any more: what runs is not what was judged.
    Changed,
    /// The kernel refused it already by the verdict table, or would have in enforce mode.
    Refused { observed: bool },
    /// A connection's data.
    Flow(HeldFlow),
    /// A process that is stopped before its syscall.
    Caller(HeldCaller),
}

impl Engine {
    /// Judges something that has already happened.
    pub fn judge_fact(&mut self, id: SessionId, pid: u32, at: BootNanos, subject: Subject) {
        self.judge(id, pid, at, subject, Stake::None);
    }

    pub fn judge(&mut self, id: SessionId, pid: u32, at: BootNanos, subject: Subject, stake: Stake) {
        if let Some(pack) = self.know.catalog.switched_off(&subject).map(str::to_owned) {
            return self.pass_over(id, pid, at, &subject, stake, &pack);
        }
        let process = self.registry.actor(id, pid).cloned().unwrap_or(Process { pid, ..Process::default() });
        self.judge_deed(id, process, at, subject, stake);
    }

    /// The same where the process may be known to nobody any more.
    pub fn judge_deed(
        &mut self,
        id: SessionId,
        process: Process,
        at: BootNanos,
        subject: Subject,
        stake: Stake,
    ) {
        let started = Instant::now();
        let rules = Arc::clone(&self.know.rules);
        let kind = kind_name(subject.kind());
        // Who read a secret is asked when nobody may be there any more to tell.
        let reads = matches!(&subject, Subject::Open(secret) if !secret.owner);
        let lineage = reads.then(|| self.lineage(id, process.pid));
        let Some(session) = self.registry.get_mut(id) else {
            // A record of a session that is over. Its flow stays held; nothing of it may leave.
            match stake {
                Stake::Flow(flow) => self.keep_held(flow.cookie, at),
                Stake::Caller(caller) => self.deny_caller(id, caller),
                Stake::None | Stake::Changed | Stake::Refused { .. } => {}
            }
            self.dismiss(kind, Dismissal::SessionOver);
            return;
        };
        let past = session.memory.past();
        let judged = session.judge(&rules, at, process, subject);
        if let Some(lineage) = lineage {
            session.memory.note_reader(&judged.fact, lineage);
        }
        let (risk, spends) = (judged.risk, judged.spends(self.config.risk_budget));
        let Judged { fact, verdict, .. } = judged;
        let (verdict, matched) = (&verdict, !verdict.matches.is_empty());
        let decision = Arc::new(Decision { fact, past, rules, matched });
        let (fact, rules) = (&decision.fact, &decision.rules);
        if rules.may_gate(fact) {
            self.gate_by_memory(id);
        }
        self.metrics.event(kind_name(fact.subject.kind()));
        for found in &verdict.matches {
            self.metrics.rule_matched(&found.rule.id, found.action);
        }
        for rule in &verdict.guard_faults {
            self.metrics.guard_failed(&rule.id);
        }
        self.explanations.deciding = Some(Arc::clone(&decision));
        self.carry_out(fact, verdict, stake);
        if spends {
            self.trip(fact, risk::RULE, &format!("the session's risk is {risk} points"), None);
        }
        self.explanations.deciding = None;
        if matches!(&fact.subject, Subject::Open(secret) if !secret.owner && secret.foreign) {
            self.pass_on([id]);
        }
        self.metrics.decided(started.elapsed());
    }

    /// From now on the session's connections ask, where what it remembers wants that.
    pub fn gate_by_memory(&mut self, id: SessionId) {
        let rules = &self.know.rules;
        let Some(session) = self.registry.get_mut(id) else { return };
        if session.gated || !rules.gates(&session.memory) {
            return;
        }
        match self.uplink.set_flags(id, GATED, true) {
            Ok(()) => session.gated = true,
            // Fails open, visibly; the next fact tries again.
            Err(error) => {
                tracing::error!(session = %id, %error, "the session's connections cannot be held")
            }
        }
    }

    fn carry_out(&mut self, fact: &Fact, verdict: &Verdict, stake: Stake) {
        let action = verdict.action;
        let waits = matches!(stake, Stake::Flow(_) | Stake::Caller(_));
        if action >= Action::Freeze && waits {
            // Stopped before it is refused: who sees its error would run on.
            self.trip_by_rule(fact, verdict);
        }
        match stake {
            Stake::Flow(flow) => self.decide_flow(fact, verdict, flow),
            Stake::Caller(caller) => self.decide_caller(fact, verdict, caller),
            Stake::Refused { observed } => {
                let name = match (observed, &fact.subject) {
                    (true, _) => "would-refuse",
                    (false, Subject::Connect(_)) => "connect-refused",
                    (false, _) => "syscall-denied",
                };
                self.report(name, fact, verdict, Action::Deny);
            }
            Stake::None | Stake::Changed => self.tell_done(fact, verdict, stake == Stake::Changed),
        }
        if action >= Action::Freeze && !waits {
            self.trip_by_rule(fact, verdict);
        }
    }

    /// It has happened.
    fn tell_done(&mut self, fact: &Fact, verdict: &Verdict, changed: bool) {
        let (name, action) = (event_name(&fact.subject), verdict.action);
        if verdict.matches.is_empty() && !is_worth_an_event(&fact.subject) {
            return;
        }
        if !matches!(action, Action::Hold | Action::Deny) {
            self.report(name, fact, verdict, action);
            return;
        }
        // Seen after the fact: an open or an exec on a backend that only observes, a connect before its data.
        self.report_with(name, fact, verdict, Action::Alert, &[("interlock.degraded", json!(action))]);
        if changed && !self.may_run(fact, action) {
            let rule = verdict.decisive.as_ref().map(|rule| rule.id.clone()).unwrap_or_default();
            self.trip(fact, &rule, "what runs is not what was judged before it ran", None);
        }
    }

    /// Whether a person has let the program run, with whatever arguments.
    fn may_run(&mut self, fact: &Fact, action: Action) -> bool {
        let program = Object::Program(fact.process.executable.clone());
        action == Action::Hold && self.holds.granted(fact.session.0, &program, fact.at).is_some()
    }

    fn trip_by_rule(&mut self, fact: &Fact, verdict: &Verdict) {
        let by = verdict.decisive.as_ref().map(|rule| (rule.id.clone(), rule.summary.clone()));
        let (rule, summary) = by.unwrap_or_default();
        self.trip(fact, &rule, &summary, (verdict.action == Action::Kill).then_some(Response::Kill));
    }

    /// Publishes what happened.
    pub fn report(&mut self, name: &str, fact: &Fact, verdict: &Verdict, action: Action) {
        self.report_with(name, fact, verdict, action, &[]);
    }

    pub fn report_with(
        &mut self,
        name: &str,
        fact: &Fact,
        verdict: &Verdict,
        action: Action,
        extra: &[(&str, serde_json::Value)],
    ) {
        let mut event = self
            .event(name, fact.at, fact.session)
            .process(&fact.process)
            .subject(&fact.subject)
            .with("interlock.mode", json!(self.config.mode))
            .verdict(verdict, action);
        if fact.incomplete {
            event = event.with("session.incomplete", true);
        }
        if fact.subject == Subject::Lifecycle(Stage::Started)
            && let Some(session) = self.registry.get(fact.session)
        {
            event = event.origin(session);
        }
        for (field, value) in extra {
            event = event.with(field, value.clone());
        }
        if verdict.action == Action::Alert && self.is_habit_again(fact) {
            event = event.without_alert();
        }
        self.publish(event);
    }

    /// Libraries look into stores whenever a program uses them, and it says little of the program: once in a session it
    /// is an alert. Later it is told without one, and counts and is explained as ever.
    fn is_habit_again(&self, fact: &Fact) -> bool {
        let Subject::Open(secret) = &fact.subject else { return false };
        self.explanations.deciding.as_ref().is_some_and(|decision| decision.past.has_habit(secret))
    }

    /// Opens the session's breaker: the tree is frozen, or killed if it was thawed before.
    pub fn trip(&mut self, fact: &Fact, rule: &str, why: &str, at_least: Option<Response>) {
        let id = fact.session;
        if self.observing() {
            let event =
                self.event("would-freeze", fact.at, id).with("rule.id", vec![rule]).with("message", why);
            self.publish(event);
            return;
        }
        let Some(session) = self.registry.get_mut(id) else { return };
        if session.frozen && at_least.is_none() {
            return; // what was already under way when it was frozen
        }
        let response = session.breaker.on_trip(fact.at).max(at_least.unwrap_or(Response::Freeze));
        match response {
            Response::Kill => self.kill_session(id, Who::Rule(rule.to_owned()), why, fact.at),
            Response::Freeze | Response::Hold => {
                self.freeze_session(id, Who::Rule(rule.to_owned()), why, fact.at)
            }
        }
    }

    /// Freezes the tree; once for everything that was under way by then.
    pub fn freeze_session(&mut self, id: SessionId, who: Who, why: &str, asked: BootNanos) {
        if self.registry.get(id).is_some_and(|session| session.frozen && asked <= session.frozen_at) {
            return;
        }
        let creator = |pid| self.registry.process(pid).map(|process| process.parent);
        let outcome = freeze::freeze(&mut self.uplink, &mut self.freezer, id, &creator);
        if let Some(session) = self.registry.get_mut(id) {
            session.freeze(&outcome, boot_now());
        }
        self.save();
        self.metrics.freezes.inc();
        self.metrics.frozen_by_signal.inc_by(outcome.by_signal.len() as u64);
        self.stopped("session-frozen", LedgerKind::Freeze, id, who, why, asked, &outcome);
    }

    pub fn kill_session(&mut self, id: SessionId, who: Who, why: &str, asked: BootNanos) {
        if let Some(session) = self.registry.get_mut(id) {
            session.breaker.on_kill();
        }
        let outcome = freeze::kill(&mut self.uplink, &self.freezer, id);
        self.metrics.kills.inc();
        self.stopped("session-killed", LedgerKind::Kill, id, who, why, asked, &outcome);
    }

    #[allow(clippy::too_many_arguments, reason = "one fact with seven parts, told in one place")]
    fn stopped(
        &mut self,
        name: &str,
        kind: LedgerKind,
        id: SessionId,
        who: Who,
        why: &str,
        asked: BootNanos,
        outcome: &Outcome,
    ) {
        let rule = if let Who::Rule(rule) = &who { vec![rule.clone()] } else { Vec::new() };
        self.record(
            kind,
            who,
            Some(id),
            [
                ("why", why.into()),
                ("processes", outcome.members.into()),
                ("still_running", json!(outcome.running)),
            ],
        );
        let event = self
            .event(name, boot_now(), id)
            .alert(interlock_core::facts::Severity::Critical, why)
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
}

pub(super) fn event_name(subject: &Subject) -> &'static str {
    match subject {
        Subject::Open(_) => "secret-read",
        Subject::Probe(_) => "secret-probe",
        Subject::Connect(_) | Subject::Handshake(_) => "connect",
        Subject::Exec => "exec",
        Subject::Environ(_) => "environment-read",
        Subject::Inspect(_) => "inspect",
        Subject::Delegate(_) => "delegate",
        Subject::Link(_) => "secret-link",
        Subject::Lifecycle(Stage::Started) => "session-started",
        Subject::Lifecycle(Stage::Ended) => "session-ended",
    }
}

/// Execs and datagram connects are too many to be told where no rule asks for them.
fn is_worth_an_event(subject: &Subject) -> bool {
    match subject {
        Subject::Exec => false,
        Subject::Connect(destination) | Subject::Handshake(destination) => {
            destination.transport == interlock_core::facts::Transport::Tcp
        }
        _ => true,
    }
}
