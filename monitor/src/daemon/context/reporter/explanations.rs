//! What `interlock explain` needs to know of decisions that were made.
//!
//! Nothing is explained in advance: what was judged is kept with the memory and the rules that judged it, and judged again when
//! somebody asks.

pub mod accounts;
pub mod before;
pub mod wording;

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

use interlock_core::{
    decide::Decision, explanation::Explanation, facts::SessionId, rules::RuleSet, sessions::Registry,
};
use interlock_host::clock::Wall;

use self::{
    accounts::Accounts,
    wording::{headline, object, why_stopped},
};

/// Events kept that a rule matched, and that none did: the many must not push out the few.
const MATCHED: usize = 512;
const UNMATCHED: usize = 256;
/// Holds kept.
const HOLDS: usize = 512;

/// A decision under the id of an event, or of a hold, that reported it.
#[derive(Clone)]
pub struct Reported {
    id: String,
    event: Arc<Value>,
    decision: Arc<Decision>,
    lineage: Arc<[String]>,
    /// The session's user.
    pub owner: u32,
}

#[derive(Default)]
pub struct Explanations {
    /// What is being judged: the events of meanwhile report it.
    pub deciding: Option<Arc<Decision>>,
    matched: VecDeque<Reported>,
    unmatched: VecDeque<Reported>,
    holds: VecDeque<Reported>,
    /// For the next daemon, and from the one before.
    pub accounts: Accounts,
}

impl Explanations {
    fn keep(&mut self, reported: Reported) {
        let hold = reported.event.get("interlock.hold.id").and_then(Value::as_str);
        if let Some(hold) = hold.filter(|hold| self.hold(hold).is_none()) {
            push(&mut self.holds, HOLDS, Reported { id: hold.to_owned(), ..reported.clone() });
        }
        if !reported.decision.verdict.matches.is_empty() {
            push(&mut self.matched, MATCHED, reported);
        } else {
            push(&mut self.unmatched, UNMATCHED, reported);
        }
    }

    fn hold(&self, id: &str) -> Option<&Reported> {
        self.holds.iter().rev().find(|reported| reported.id == id)
    }

    pub fn find(&self, id: &str) -> Option<&Reported> {
        let events = || self.matched.iter().chain(&self.unmatched).find(|reported| reported.id == id);
        self.hold(id).or_else(events)
    }

    /// Remembers which decision an event reports: the one that is being made, or the one that opened its hold.
    pub fn keep_explainable(&mut self, sessions: &Registry, event: &Arc<Value>) {
        let field = |name| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(id) = field("event.id") else { return };
        let event = Arc::clone(event);
        if let Some(decision) = self.deciding.clone() {
            let (session, pid) = (decision.fact.session, decision.fact.process.pid);
            let (lineage, owner) = (sessions.lineage_of(session, pid).into(), owner(sessions, session));
            self.keep(Reported { id, event, decision, lineage, owner });
        } else if let Some(hold) = field("interlock.hold.id").and_then(|hold| self.hold(&hold).cloned()) {
            self.keep(Reported { id, event, ..hold });
        }
    }

    /// Remembers that an event reports what another one reported before.
    pub fn keep_explainable_as(&mut self, first: &str, event: &Arc<Value>) {
        let Some(reported) = self.find(first).cloned() else { return };
        let id = event.get("event.id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.keep(Reported { id, event: Arc::clone(event), ..reported });
    }

    /// Keeps the explanation of a hold for the next daemon.
    pub fn keep_account(&mut self, wall: &Wall, sessions: &Registry, rules: &RuleSet, hold: u64) {
        let Some(reported) = self.hold(&format!("h{hold}")) else { return };
        let (owner, explanation) = (reported.owner, explain(wall, sessions, rules, reported));
        self.accounts.keep(hold, owner, explanation);
    }
}

/// Judges a decision again; `in_force` are the rules of now.
pub fn explain(wall: &Wall, sessions: &Registry, in_force: &RuleSet, reported: &Reported) -> Explanation {
    let Decision { fact, past, rules, .. } = &*reported.decision;
    let trace = rules.trace(fact, past);
    let name = reported.event.get("event.action").and_then(Value::as_str).unwrap_or_default();
    Explanation {
        id: reported.id.clone(),
        headline: headline(name, fact, &trace),
        at: wall.at(fact.at),
        session: fact.session.to_string(),
        lineage: reported.lineage.to_vec(),
        object: object(&fact.subject).into_iter().chain(why_stopped(&reported.event)).collect(),
        evidence: None, // of an event, what waits by now is another question
        read: before::read_before(wall, &reported.decision, &trace),
        unknown: before::unknown_before(sessions, &reported.decision),
        rules: trace.matched(rules),
        excused: trace.excused(),
        nearest: trace.neighbours(),
        otherwise: trace.without_decisive(),
        rules_sha256: Some(rules.sha256().to_owned()),
        reloaded: rules.sha256() != in_force.sha256(),
        event: (*reported.event).clone(),
    }
}

/// The user of a session.
pub fn owner(sessions: &Registry, id: SessionId) -> u32 {
    sessions.get(id).map_or(0, |session| session.user) // nobody's: root's
}

fn push(queue: &mut VecDeque<Reported>, most: usize, reported: Reported) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(reported);
}
