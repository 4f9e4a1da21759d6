//! A decision: what was judged, by what, and what the rules say of it.

use std::sync::Arc;

use crate::{
    facts::{Action, Fact, Lifecycle, Severity, Subject, Terms},
    holds::{Object, grants::Asked},
    rules::{Match, Memory, RuleSet, Verdict},
};

/// A fact that was judged, with everything that it was judged by.
#[derive(Debug)]
pub struct Decision {
    pub fact: Fact,
    pub verdict: Verdict,
    /// The session's memory just before.
    pub past: Memory,
    /// Those of then: other files may be in force by now.
    pub rules: Arc<RuleSet>,
}

impl Decision {
    /// Id of the rule that decided; empty if none did.
    #[must_use]
    pub fn rule(&self) -> String {
        self.verdict.decisive.as_ref().map(|rule| rule.id.clone()).unwrap_or_default()
    }

    /// Of the rule that decided; the gravest where none did.
    pub(super) fn severity(&self) -> Severity {
        self.verdict.decisive.as_ref().map_or(Severity::Critical, |rule| rule.severity)
    }

    /// What a grant would have to answer.
    pub(super) fn asked<'a>(&'a self, object: &'a Object, terms: &'a Terms) -> Asked<'a> {
        let rule = self.verdict.decisive.as_ref().map_or("", |rule| rule.id.as_str());
        Asked { session: self.fact.session.0, object, rule, severity: self.severity(), terms }
    }

    /// What the rules that hold it ask of an approval, all of them: a looser rule that decides does not speak for a stricter one.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let holds = |found: &&Match| found.action == Action::Hold && !found.observed_only;
        self.verdict
            .matches
            .iter()
            .filter(holds)
            .fold(Terms::default(), |terms, found| terms.and(&found.rule.terms))
    }

    /// Libraries look into stores whenever a program uses them, and it says little of the program: once in a session it
    /// is an alert. Later it is reported without one, and counts and is explained as ever.
    #[must_use]
    pub fn is_habit_again(&self) -> bool {
        let Subject::Open(secret) = &self.fact.subject else { return false };
        self.verdict.action == Action::Alert && self.past.has_habit(secret)
    }
}

/// The event that reports an act that has happened.
#[must_use]
pub fn event_name(subject: &Subject) -> &'static str {
    match subject {
        Subject::Open(_) => "secret-read",
        Subject::Probe(_) => "secret-probe",
        Subject::Connect(_) | Subject::Handshake(_) => "connect",
        Subject::Exec => "exec",
        Subject::Environ(_) => "environment-read",
        Subject::Inspect(_) => "inspect",
        Subject::Delegate(_) => "delegate",
        Subject::Link(_) => "secret-link",
        Subject::Lifecycle(Lifecycle::Started) => "session-started",
        Subject::Lifecycle(Lifecycle::Ended) => "session-ended",
    }
}
