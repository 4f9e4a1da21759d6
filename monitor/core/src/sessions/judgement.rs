//! A session's side of judging: its facts under the rules, and its risk.

use super::Session;
use crate::{
    facts::{Action, BootNanos, Fact, Process, Stage, Subject},
    rules::{RuleSet, Verdict},
};

/// One thing that a session did, and what the rules say of it.
#[derive(Clone, Debug)]
pub struct Judged {
    pub fact: Fact,
    pub verdict: Verdict,
    /// The session's risk points afterwards.
    pub risk: u32,
}

impl Session {
    /// Judges what the session's `process` did at `at`, and remembers it.
    pub fn judge(&mut self, rules: &RuleSet, at: BootNanos, process: Process, subject: Subject) -> Judged {
        let fact = Fact {
            at,
            session: self.id,
            agent: self.agent.clone(),
            session_age: self.age(at),
            incomplete: self.incomplete,
            process,
            subject,
        };
        let verdict = rules.evaluate(&fact, &mut self.memory);
        let risk = self.memory.risk(at);
        Judged { fact, verdict, risk }
    }
}

impl Judged {
    /// Whether this spends the budget, so that the breaker must trip.
    ///
    /// What is held is contained already; the next thing that adds to the risk trips the breaker. Of a session that is
    /// over, nothing is left to stop.
    #[must_use]
    pub fn spends(&self, budget: u32) -> bool {
        let over = self.fact.subject == Subject::Lifecycle(Stage::Ended);
        !over && self.risk >= budget && self.verdict.points > 0 && self.verdict.action < Action::Hold
    }
}
