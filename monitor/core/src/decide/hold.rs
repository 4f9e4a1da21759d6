//! Holding: what waits becomes a question to a person, unless it was answered before or is asked already.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    act::would,
    decider::{Decider, Step},
    decision::Decision,
    effect::{Effect, Stop},
    input::{Release, Released, Waiting},
    sent::Yes,
};
use crate::{
    breaker::Response,
    facts::{Action, BootNanos, Fact, HoldState, SessionId, Subject},
    holds::{
        Ending, Hold, Object, WAITING_MAX,
        company::{Company, Joined, Other},
        evidence::Evidence,
        relays::{self, Hop},
    },
    record::{Entry, Kind, Who},
    rules::model::Timeout,
};

impl Decider {
    /// Holds what a rule says to hold; a grant lets it through at once. In probation, and if so much waits already that
    /// nobody could answer it, the tree is frozen instead.
    pub(super) fn hold_or_harder(&mut self, step: &mut Step<'_>, decision: &Arc<Decision>, waiting: Waiting) {
        let (fact, object) = (&decision.fact, object(&decision.fact));
        if self.is_answered(step, decision, &object, waiting) || self.joins(step, decision, &object, waiting)
        {
            return;
        }
        let unattended = self.sessions.get(fact.session).and_then(|session| session.unattended.clone());
        if let Some(why) = unattended {
            return self.deny_unanswered(step, decision, object, waiting, &why);
        }
        let full = self.holds.of_session(fact.session.0).count() >= WAITING_MAX;
        let response = self.sessions.get_mut(fact.session).map_or(Response::Hold, |session| {
            match session.breaker.on_hold_rule(fact.at) {
                Response::Hold if full => session.breaker.on_trip(fact.at),
                response => response,
            }
        });
        if response == Response::Hold {
            let timeout = decision.verdict.decisive.as_ref().and_then(|rule| rule.timeout);
            self.hold(step, decision, object, waiting, timeout);
            return;
        }
        // Nothing more is asked. Stopped first: who sees its error would run on.
        let why = if full {
            "more waits than a person can answer"
        } else {
            "a second attempt after a denial or a thaw"
        };
        let (who, why) = (Who::Rule(decision.rule()), why.to_owned());
        self.stop(step, response, Stop { session: fact.session, who, why, asked: fact.at });
        let waiter = decision.waiter(waiting);
        match waiting {
            // Not reset: finding each of very many sockets would keep everybody else waiting. Its data stays held.
            Waiting::Flow(_) if full => step.push(Effect::Drop(waiter)),
            _ => self.refuse(step, waiter),
        }
        step.report_act("flow-denied", decision, Action::Freeze, Vec::new());
    }

    /// Lets it go on if a person has answered it before: by a grant, or as the hop before of the same request. What a frozen session
    /// had under way is answered by nothing that was said before it was frozen.
    fn is_answered(
        &mut self,
        step: &mut Step<'_>,
        decision: &Arc<Decision>,
        object: &Object,
        waiting: Waiting,
    ) -> bool {
        let fact = &decision.fact;
        if self.is_frozen(fact.session) || self.never(object).is_some() {
            return false;
        }
        let granted = self.granted(step, decision, object);
        let hop = hop(decision, waiting);
        let before = hop.as_ref().filter(|_| granted.is_none()).and_then(|hop| self.relayed(hop, fact.at));
        let (since, by) = match (granted, before) {
            (Some(by), _) => (fact.at, by),
            (None, Some(before)) => (before.since, before.by),
            (None, None) => return false,
        };
        let hop = hop.map(|hop| Hop { since, by: by.clone(), ..hop });
        let detail = [("grant", by.clone().into()), ("destination", object.text().into())];
        let entry = Entry::noted(Kind::Release, Who::Daemon, fact.session, detail);
        let what = Released::Waiter { decision: Arc::clone(decision), waiting, by, hop, would: None };
        step.push(Effect::Release(Box::new(Release { entry, what })));
        true
    }

    /// Lets go on what was answered before. Fails closed: what cannot be proved afterwards is refused, or waits on.
    pub(super) fn recorded(&mut self, step: &mut Step<'_>, release: Release, recorded: bool) {
        let (decision, waiting, by, hop, passed) = match release.what {
            Released::Hold(number) => return self.release_hold(step, number, recorded),
            Released::Waiter { decision, waiting, by, hop, would } => (decision, waiting, by, hop, would),
        };
        let (fact, waiter) = (&decision.fact, decision.waiter(waiting));
        let object = object(fact);
        let yes = Yes { object: &object, hold: None, grant: Some(&by) };
        if !recorded {
            self.refuse(step, waiter);
            let why = "its release cannot be recorded, as the ledger cannot be written";
            return step.report_act("flow-denied", &decision, Action::Deny, vec![("message", why.into())]);
        }
        if let Some(extra) = passed {
            self.let_on(step, waiter, yes);
            let action = decision.verdict.action;
            return step.report_act(would(action), &decision, action, extra);
        }
        self.expect_next(hop, waiting, fact);
        self.let_on(step, waiter, yes);
        if let Some(session) = self.sessions.get_mut(fact.session) {
            session.memory.forgive(decision.verdict.points, fact.at); // what a person let through is no risk
        }
        step.report_act("flow-released", &decision, Action::Allow, Vec::new());
    }

    /// Who granted this, if the grant still stands.
    fn granted(&mut self, step: &mut Step<'_>, decision: &Decision, object: &Object) -> Option<String> {
        let terms = decision.terms();
        let grant = self.holds.grants.take(&decision.asked(object, &terms), decision.fact.at)?;
        if grant.left.is_some() {
            step.push(Effect::Save); // a restart must not give back what was used
        }
        Some(grant.by.clone())
    }

    /// Waits under a hold that asks the same.
    fn joins(
        &mut self,
        step: &mut Step<'_>,
        decision: &Arc<Decision>,
        object: &Object,
        waiting: Waiting,
    ) -> bool {
        let (fact, rule) = (&decision.fact, decision.rule());
        let command_sha256 = fact.process.command_digest();
        let Some(hold) = self.holds.same_question(fact.session.0, &rule, object, &command_sha256) else {
            return false;
        };
        // A client that tries again is the usual case, and needs no line for people.
        let joined = if hold.company.knows(&hold.command_sha256, &command_sha256) {
            Joined::Known
        } else {
            let (pid, command) = (fact.process.pid, fact.process.command_line());
            hold.company.join(&hold.command_sha256, Other { pid, command, command_sha256 })
        };
        if joined == Joined::Full {
            return false;
        }
        match waiting {
            Waiting::Flow(flow) => hold.flows.push(flow),
            Waiting::Caller(caller) => hold.callers.push(caller),
        }
        if joined == Joined::New {
            let (id, evidence) = (hold.id(), Evidence::of(hold));
            let extra = vec![("hold.id", json!(id)), ("hold.evidence", json!(evidence.token()))];
            step.report_act(held(waiting), decision, Action::Hold, extra);
        }
        step.push(Effect::Save);
        true
    }

    /// Asks where nobody is there to answer: silence means no, at once, whatever the rule says of it. Neither waits the job,
    /// nor is it frozen because it tries again, and what was denied is no risk any more.
    fn deny_unanswered(
        &mut self,
        step: &mut Step<'_>,
        decision: &Arc<Decision>,
        object: Object,
        waiting: Waiting,
        why: &str,
    ) {
        let fact = &decision.fact;
        let now = Timeout { after: Duration::ZERO, then: Action::Deny };
        let Some(number) = self.hold(step, decision, object, waiting, Some(now)) else { return };
        let nobody = Ending::new(HoldState::Expired, step.now).by(format!("nobody: {why}"));
        let Ok(hold) = self.holds.decide(number, nobody) else { return };
        self.finish(step, hold, Kind::Expire, Who::Daemon, "hold-expired", []);
        if let Some(session) = self.sessions.get_mut(fact.session) {
            session.memory.forgive(decision.verdict.points, fact.at);
        }
    }

    /// The approved hop that a connection goes on from. Not if the session has touched something foreign since: the
    /// person who approved did not know that.
    fn relayed(&mut self, asked: &Hop, now: BootNanos) -> Option<Hop> {
        let before = self.holds.relays.before(asked, now)?.clone();
        let session = self.sessions.get(SessionId(asked.session))?;
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

    /// Opens a hold; returns its number.
    fn hold(
        &mut self,
        step: &mut Step<'_>,
        decision: &Arc<Decision>,
        object: Object,
        waiting: Waiting,
        timeout: Option<Timeout>,
    ) -> Option<u64> {
        let Decision { fact, verdict, .. } = &**decision;
        let rule = verdict.decisive.as_ref()?;
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
        let session = self.sessions.get(fact.session);
        let (owner, login) = (session.map(|session| session.user), session.and_then(|session| session.login));
        let hold = self.holds.open(Hold {
            number: 0,
            session: fact.session.0,
            owner,
            login,
            agent: fact.agent.clone(),
            pid: fact.process.pid,
            command: fact.process.command_line(),
            command_sha256: fact.process.command_digest(),
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
            deadline: timeout.map(|timeout| step.now.plus(timeout.after)),
            then: timeout.map_or(Action::Deny, |timeout| timeout.then),
            state: HoldState::Waiting,
            terms: decision.terms(),
            approvals: Vec::new(),
            decided_by: None,
            decided_at: None,
            reason: None,
        });
        let (number, id, evidence) = (hold.number, hold.id(), Evidence::of(hold));
        let detail = [
            ("hold", id.clone().into()),
            ("destination", target.into()),
            ("evidence", evidence.whole().into()),
        ];
        step.record(Entry::noted(Kind::Hold, Who::Rule(rule.id.clone()), fact.session, detail));
        let decided = step.now.0;
        let extra = vec![
            ("hold.id", json!(id)),
            ("hold.evidence", json!(evidence.token())),
            ("flow.asked_ns", json!(fact.at.0)),
            ("flow.decided_ns", json!(decided)),
        ];
        step.report_act(held(waiting), decision, Action::Hold, extra);
        step.push(Effect::KeepAccount { hold: number });
        step.push(Effect::Save);
        Some(number)
    }
}

/// The event that reports it.
fn held(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Flow(_) => "flow-held",
        Waiting::Caller(_) => "syscall-held",
    }
}

/// A connection as a hop to a named host; `None` for what is none.
fn hop(decision: &Decision, waiting: Waiting) -> Option<Hop> {
    let Waiting::Flow(flow) = waiting else { return None };
    let fact = &decision.fact;
    let name = fact.subject.destination()?.name.clone()?;
    let rule = decision.verdict.decisive.as_ref()?.id.clone();
    let (session, pid, cookie) = (fact.session.0, fact.process.pid, flow.cookie);
    Some(Hop { session, rule, name, pid, cookie, since: fact.at, by: String::new() })
}

pub(super) fn object(fact: &Fact) -> Object {
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
