//! What `interlock explain` needs to know of decisions that were made.
//!
//! Nothing is told in advance: what was judged is kept with the memory and the rules that judged it, and judged again when
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

/// A decision under the id of an event, or of a hold, that told of it.
#[derive(Clone)]
pub struct Told {
    id: String,
    event: Arc<Value>,
    decision: Arc<Decision>,
    lineage: Arc<[String]>,
    /// The session's user.
    pub owner: u32,
}

#[derive(Default)]
pub struct Explanations {
    /// What is being judged: the events of meanwhile tell of it.
    pub deciding: Option<Arc<Decision>>,
    matched: VecDeque<Told>,
    unmatched: VecDeque<Told>,
    holds: VecDeque<Told>,
    /// For the next daemon, and from the one before.
    pub accounts: Accounts,
}

impl Explanations {
    fn keep(&mut self, told: Told) {
        let hold = told.event.get("hold.id").and_then(Value::as_str);
        if let Some(hold) = hold.filter(|hold| self.hold(hold).is_none()) {
            push(&mut self.holds, HOLDS, Told { id: hold.to_owned(), ..told.clone() });
        }
        if !told.decision.verdict.matches.is_empty() {
            push(&mut self.matched, MATCHED, told);
        } else {
            push(&mut self.unmatched, UNMATCHED, told);
        }
    }

    fn hold(&self, id: &str) -> Option<&Told> {
        self.holds.iter().rev().find(|told| told.id == id)
    }

    pub fn find(&self, id: &str) -> Option<&Told> {
        let events = || self.matched.iter().chain(&self.unmatched).find(|told| told.id == id);
        self.hold(id).or_else(events)
    }

    /// Remembers which decision an event tells of: the one that is being made, or the one that opened its hold.
    pub fn keep_explainable(&mut self, sessions: &Registry, event: &Arc<Value>) {
        let field = |name| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(id) = field("event.id") else { return };
        let event = Arc::clone(event);
        if let Some(decision) = self.deciding.clone() {
            let (session, pid) = (decision.fact.session, decision.fact.process.pid);
            let (lineage, owner) = (sessions.lineage_of(session, pid).into(), owner(sessions, session));
            self.keep(Told { id, event, decision, lineage, owner });
        } else if let Some(hold) = field("hold.id").and_then(|hold| self.hold(&hold).cloned()) {
            self.keep(Told { id, event, ..hold });
        }
    }

    /// Remembers that an event tells of what another one told of before.
    pub fn keep_explainable_as(&mut self, first: &str, event: &Arc<Value>) {
        let Some(told) = self.find(first).cloned() else { return };
        let id = event.get("event.id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.keep(Told { id, event: Arc::clone(event), ..told });
    }

    /// Keeps what is told of a hold now for the next daemon.
    pub fn keep_account(&mut self, wall: &Wall, sessions: &Registry, rules: &RuleSet, hold: u64) {
        let Some(told) = self.hold(&format!("h{hold}")) else { return };
        let (owner, explanation) = (told.owner, tell(wall, sessions, rules, told));
        self.accounts.keep(hold, owner, explanation);
    }
}

/// Judges a decision again; `in_force` are the rules of now.
pub fn tell(wall: &Wall, sessions: &Registry, in_force: &RuleSet, told: &Told) -> Explanation {
    let Decision { fact, past, rules, .. } = &*told.decision;
    let trace = rules.trace(fact, past);
    let name = told.event.get("event.action").and_then(Value::as_str).unwrap_or_default();
    Explanation {
        id: told.id.clone(),
        headline: headline(name, fact, &trace),
        at: wall.at(fact.at),
        session: fact.session.to_string(),
        lineage: told.lineage.to_vec(),
        object: object(&fact.subject).into_iter().chain(why_stopped(&told.event)).collect(),
        read: before::read_before(wall, &told.decision, &trace),
        unknown: before::unknown_before(sessions, &told.decision),
        rules: trace.matched(rules),
        excused: trace.excused(),
        nearest: trace.neighbours(),
        otherwise: trace.without_decisive(),
        rules_sha256: Some(rules.sha256().to_owned()),
        reloaded: rules.sha256() != in_force.sha256(),
        event: (*told.event).clone(),
    }
}

/// The user of a session.
pub fn owner(sessions: &Registry, id: SessionId) -> u32 {
    sessions.get(id).map_or(0, |session| session.user) // nobody's: root's
}

fn push(queue: &mut VecDeque<Told>, most: usize, told: Told) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(told);
}
