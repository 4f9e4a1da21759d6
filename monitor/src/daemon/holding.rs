//! Holding: a flow or a stopped syscall becomes a question to a person, and the question an answer.

use std::time::Duration;

use monitor_common::policy::FLOW_DENIED;
use serde_json::json;

use super::engine::Engine;
use crate::ledger::record::{Kind as LedgerKind, Who};
use interlock_core::{
    breaker::Response,
    facts::{Action, BootNanos, Fact, HoldState, SessionId, Subject},
    holds::{
        HeldCaller, HeldFlow, Hold, Object, WAITING_MAX,
        company::{Company, Joined},
        relays::{self, Hop},
    },
    rules::{Verdict, model::Timeout},
};
use interlock_host::clock::boot_now;

/// The event that tells of it.
fn held(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Flow(_) => "flow-held",
        Waiting::Caller(_) => "syscall-held",
    }
}

/// What waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Flow(HeldFlow),
    Caller(HeldCaller),
}

impl Engine {
    /// Holds what a rule says to hold; a grant lets it through at once. In probation, and where so much waits already that
    /// nobody could answer it, the tree is frozen instead.
    pub fn hold_or_harder(&mut self, fact: &Fact, verdict: &Verdict, waiting: Waiting) {
        let object = object(fact);
        let granted = self.holds.granted(fact.session.0, &object, fact.at).map(str::to_owned);
        let hop = hop(fact, verdict, waiting);
        let before = hop.as_ref().filter(|_| granted.is_none()).and_then(|hop| self.relayed(hop, fact.at));
        let (since, by) = match (&granted, before) {
            (Some(by), _) => (fact.at, Some(by.clone())),
            (None, Some(before)) => (before.since, Some(before.by)),
            (None, None) => (fact.at, None),
        };
        if let Some(by) = by {
            self.expect_next(hop.map(|hop| Hop { since, by: by.clone(), ..hop }), waiting, fact);
            self.let_go(fact.session, fact.process.pid, waiting);
            let detail = [("grant", by.into()), ("destination", object.text().into())];
            self.note(LedgerKind::Release, Who::Daemon, Some(fact.session), detail);
            if let Some(session) = self.registry.get_mut(fact.session) {
                session.memory.forgive(verdict.points, fact.at); // what a person let through is no risk
            }
            self.report("flow-released", fact, verdict, Action::Allow);
            return;
        }
        let rule = verdict.decisive.as_ref().map(|rule| rule.id.clone()).unwrap_or_default();
        let command = fact.process.command_line();
        if let Some(hold) = self.holds.same_question(fact.session.0, &rule, &object, &command) {
            let joined = hold.company.join((hold.pid, &hold.command), fact.process.pid, &command);
            if joined != Joined::Full {
                match waiting {
                    Waiting::Flow(flow) => hold.flows.push(flow),
                    Waiting::Caller(caller) => hold.callers.push(caller),
                }
                let id = hold.id();
                if joined == Joined::New {
                    self.report_with(held(waiting), fact, verdict, Action::Hold, &[("hold.id", json!(id))]);
                    self.save();
                }
                return;
            }
        }
        if let Some(why) = self.registry.get(fact.session).and_then(|session| session.unattended.clone()) {
            return self.deny_unanswered(fact, verdict, object, waiting, &why);
        }
        let full = self.holds.of_session(fact.session.0).len() >= WAITING_MAX;
        let response = self.registry.get_mut(fact.session).map_or(Response::Hold, |session| {
            match session.breaker.on_hold_rule(fact.at) {
                Response::Hold if full => session.breaker.on_trip(fact.at),
                response => response,
            }
        });
        if response == Response::Hold {
            let timeout = verdict.decisive.as_ref().and_then(|rule| rule.timeout);
            self.hold(fact, verdict, object, waiting, timeout);
            return;
        }
        // Nothing more is asked. Stopped first: who sees its error would run on.
        let why = if full {
            "more waits than a person can answer"
        } else {
            "a second attempt after a denial or a thaw"
        };
        match response {
            Response::Kill => self.kill_session(fact.session, Who::Rule(rule), why, fact.at),
            _ => self.freeze_session(fact.session, Who::Rule(rule), why, fact.at),
        }
        match waiting {
            // Not reset: finding each of very many sockets would keep everybody else waiting. Its data stays held.
            Waiting::Flow(flow) if full => self.deny_flow(flow.cookie, flow.decided(FLOW_DENIED)),
            waiting => self.turn_away(fact.session, fact.process.pid, waiting),
        }
        self.report("flow-denied", fact, verdict, Action::Freeze);
    }

    /// Asks where nobody is there to answer: silence means no, at once, whatever the rule says of it. Neither waits the job,
    /// nor is it frozen because it tries again, and what was denied is no risk any more.
    fn deny_unanswered(
        &mut self,
        fact: &Fact,
        verdict: &Verdict,
        object: Object,
        waiting: Waiting,
        why: &str,
    ) {
        let now = Timeout { after: Duration::ZERO, then: Action::Deny };
        let Some(number) = self.hold(fact, verdict, object, waiting, Some(now)) else { return };
        let nobody = format!("nobody: {why}");
        let Ok(hold) = self.holds.decide(number, HoldState::Expired, Some(nobody)) else { return };
        self.finish_hold(&hold, LedgerKind::Expire, Who::Daemon, "hold-expired");
        if let Some(session) = self.registry.get_mut(fact.session) {
            session.memory.forgive(verdict.points, fact.at);
        }
    }

    /// The approved hop that a connection goes on from. Not where the session has touched something foreign since: the
    /// person who approved did not know that.
    fn relayed(&mut self, asked: &Hop, now: BootNanos) -> Option<Hop> {
        let before = self.holds.relays.before(asked, now)?.clone();
        let session = self.registry.get(SessionId(asked.session))?;
        let touched = session.memory.touches().iter().any(|touch| touch.foreign && touch.at > before.since);
        (!touched).then_some(before)
    }

    /// A connection to a relay was let through: the relay's own will follow.
    fn expect_next(&mut self, hop: Option<Hop>, waiting: Waiting, fact: &Fact) {
        if let (Some(hop), Waiting::Flow(flow), Some(to)) = (hop, waiting, fact.subject.destination())
            && relays::is_relayed(&flow, to)
        {
            self.holds.relays.expect(hop);
        }
    }

    /// The relays of an approved hold.
    pub fn expect_relays(&mut self, hold: &Hold, since: BootNanos, by: &str) {
        let Object::Connection(destination) = &hold.object else { return };
        let Some(name) = destination.name.clone() else { return };
        for flow in hold.flows.iter().filter(|flow| relays::is_relayed(flow, destination)) {
            let pid = self.uplink.flow(flow.cookie).map_or(hold.pid, |known| known.tgid);
            let (rule, name, by) = (hold.rule.clone(), name.clone(), by.to_owned());
            let hop = Hop { session: hold.session, rule, name, pid, cookie: flow.cookie, since, by };
            self.holds.relays.expect(hop);
        }
    }

    /// Gives the hold's number.
    fn hold(
        &mut self,
        fact: &Fact,
        verdict: &Verdict,
        object: Object,
        waiting: Waiting,
        timeout: Option<Timeout>,
    ) -> Option<u64> {
        let rule = verdict.decisive.as_ref()?;
        let decided = boot_now();
        let deadline = timeout.map(|timeout| decided.plus(timeout.after));
        let because = verdict
            .matches
            .iter()
            .filter(|found| found.rule.id == rule.id)
            .flat_map(|found| found.conditions.iter().cloned())
            .collect();
        let target = object.text();
        let (flows, callers) = match waiting {
            Waiting::Flow(flow) => (vec![flow], Vec::new()),
            Waiting::Caller(caller) => (Vec::new(), vec![caller]),
        };
        let number = self
            .holds
            .open(Hold {
                number: 0,
                session: fact.session.0,
                agent: fact.agent.clone(),
                pid: fact.process.pid,
                command: fact.process.command_line(),
                object,
                rule: rule.id.clone(),
                summary: rule.summary.clone(),
                severity: rule.severity,
                because,
                points: verdict.points,
                flows,
                callers,
                company: Company::default(),
                since: fact.at,
                deadline,
                then: timeout.map_or(Action::Deny, |timeout| timeout.then),
                state: HoldState::Waiting,
                decided_by: None,
            })
            .number;
        let id = format!("h{number}");
        let detail = [("hold", id.clone().into()), ("destination", target.into())];
        self.note(LedgerKind::Hold, Who::Rule(rule.id.clone()), Some(fact.session), detail);
        let extra = [
            ("hold.id", json!(id)),
            ("flow.asked_ns", json!(fact.at.0)),
            ("flow.decided_ns", json!(decided.0)),
        ];
        self.report_with(held(waiting), fact, verdict, Action::Hold, &extra);
        self.keep_account(number);
        self.save();
        Some(number)
    }

    /// Lets one waiting thing go on.
    pub fn let_go(&mut self, session: SessionId, pid: u32, waiting: Waiting) {
        match waiting {
            Waiting::Flow(flow) => self.release(session, pid, &flow),
            Waiting::Caller(caller) => self.resume(session, caller),
        }
    }

    /// Refuses one waiting thing.
    fn turn_away(&mut self, session: SessionId, pid: u32, waiting: Waiting) {
        match waiting {
            Waiting::Flow(flow) => self.refuse(session, pid, &flow),
            Waiting::Caller(caller) => self.deny_caller(session, caller),
        }
    }

    /// Lets everything of an approved hold go on.
    pub fn release_hold(&mut self, hold: &Hold) {
        let session = SessionId(hold.session);
        for waiting in waiting_of(hold) {
            self.let_go(session, hold.pid, waiting);
        }
    }

    /// The program closed the connection or ended before anybody decided.
    pub fn hold_is_gone(&mut self, number: u64) {
        let Ok(hold) = self.holds.decide(number, HoldState::Gone, None) else { return };
        let event = self
            .event("hold-gone", boot_now(), SessionId(hold.session))
            .with("hold.id", hold.id())
            .object(&hold.object);
        self.publish(event);
        self.save();
    }

    /// Answers silence, hold by hold.
    pub fn expire(&mut self) {
        let now = boot_now();
        for number in self.holds.expired(now) {
            let decided = self.holds.decide(number, HoldState::Expired, Some("deadline".into()));
            let Ok(hold) = decided else { continue };
            // Stopped first: what is refused below must not run on.
            self.answer_silence(&hold, now);
            self.finish_hold(&hold, LedgerKind::Expire, Who::Daemon, "hold-expired");
        }
    }

    fn answer_silence(&mut self, hold: &Hold, now: BootNanos) {
        let session = SessionId(hold.session);
        let Some(known) = self.registry.get_mut(session) else { return };
        if hold.then < Action::Freeze {
            known.breaker.on_denied(now);
            return;
        }
        let response = known.breaker.on_trip(now);
        let (why, who) = (format!("nobody answered {} in time", hold.id()), Who::Rule(hold.rule.clone()));
        if hold.then == Action::Kill || response == Response::Kill {
            self.kill_session(session, who, &why, now);
        } else {
            self.freeze_session(session, who, &why, now);
        }
    }

    /// Refuses everything of a hold and says so.
    pub fn finish_hold(&mut self, hold: &Hold, kind: LedgerKind, who: Who, name: &str) {
        let session = SessionId(hold.session);
        for waiting in waiting_of(hold) {
            self.turn_away(session, hold.pid, waiting);
        }
        let detail = [("hold", hold.id().into()), ("destination", hold.target().into())];
        self.record(kind, who, Some(session), detail);
        let event = self
            .event(name, boot_now(), session)
            .with("hold.id", hold.id())
            .with("rule.id", vec![hold.rule.clone()])
            .with("hold.decided_by", json!(hold.decided_by))
            .object(&hold.object);
        self.publish(event);
        self.save();
    }

    pub fn deny_all_waiting(&mut self, why: &str) {
        let waiting: Vec<u64> = self.holds.waiting().map(|hold| hold.number).collect();
        for number in waiting {
            if let Ok(hold) = self.holds.decide(number, HoldState::Denied, Some(why.into())) {
                self.finish_hold(&hold, LedgerKind::Deny, Who::Daemon, "flow-denied");
            }
        }
    }
}

fn waiting_of(hold: &Hold) -> impl Iterator<Item = Waiting> {
    let flows = hold.flows.iter().copied().map(Waiting::Flow);
    flows.chain(hold.callers.iter().copied().map(Waiting::Caller))
}

/// A connection as a hop to a named host; `None` for what is none.
fn hop(fact: &Fact, verdict: &Verdict, waiting: Waiting) -> Option<Hop> {
    let Waiting::Flow(flow) = waiting else { return None };
    let name = fact.subject.destination()?.name.clone()?;
    let rule = verdict.decisive.as_ref()?.id.clone();
    let (session, pid, cookie) = (fact.session.0, fact.process.pid, flow.cookie);
    Some(Hop { session, rule, name, pid, cookie, since: fact.at, by: String::new() })
}

fn object(fact: &Fact) -> Object {
    match &fact.subject {
        Subject::Connect(destination) | Subject::Handshake(destination) => {
            Object::Connection(destination.clone())
        }
        Subject::Open(secret) | Subject::Probe(secret) => Object::Secret(secret.path.clone()),
        Subject::Link(relink) => Object::Secret(relink.secret.path.clone()),
        Subject::Delegate(asked) => Object::Service(format!("{} ({})", asked.service, asked.path)),
        Subject::Exec | Subject::Environ(_) | Subject::Inspect(_) | Subject::Lifecycle(_) => {
            Object::Program(fact.process.executable.clone())
        }
    }
}
