//! A fact, a session's memory and the rules give a verdict.
//!
//! An `allow` rule is an exception: where one matches, the rules that it excuses do nothing, count nothing and add
//! nothing. Of the others the strongest action of the enforced rules wins. Model and package hosts are never blocked:
//! whatever a rule says, they get no more than an alert. A host that is a model's and a control plane at once is blocked by
//! a rule that says `also: infra` alone.

mod ask;
mod conditions;
mod observer;
mod view;

use std::sync::Arc;

pub use self::observer::Condition;
use self::{
    ask::describe_threshold,
    observer::{MatchText, Noop},
    view::Unknown,
};
pub(super) use self::{observer::FullTrace, view::View};
use super::{
    exceptions::is_excused,
    memory::{Memory, Seen},
    model::{Moment, Rule},
    set::RuleSet,
};
use crate::{
    facts::{Action, Fact, Mode, Subject},
    words::Word,
};

/// Longest text that is remembered of a sequence's step, bytes.
const MAX_SEEN: usize = 128;

/// A rule that matched, and why.
#[derive(Clone, Debug)]
pub struct Match {
    pub rule: Arc<Rule>,
    /// What is done because of it: the rule's action, or alert for a host that is never blocked.
    pub action: Action,
    /// Conditions with the values that met them: `destination.class = infra`.
    pub conditions: Vec<String>,
    /// The rule is in observe mode: it is recorded and changes nothing.
    pub observed_only: bool,
}

/// What the rules say about a fact.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Strongest action of the enforced matches.
    pub action: Action,
    /// The enforced rule that gave `action`; its timeout, severity and summary apply.
    pub decisive: Option<Arc<Rule>>,
    /// Every match, in the order of the rules.
    pub matches: Vec<Match>,
    /// Risk points that this fact added to the session.
    pub points: u32,
    /// Rules whose guard had no result, to be counted: each is a mistake in the rule, or a fact made to confuse it.
    pub guard_faults: Vec<Arc<Rule>>,
}

impl RuleSet {
    /// Evaluates a fact, after noting in `memory` what it touched; then notes of which sequences it is a step.
    pub fn evaluate(&self, fact: &Fact, memory: &mut Memory) -> Verdict {
        memory.note(fact);
        let mut candidates = std::mem::take(&mut memory.candidates);
        let view = View::new(fact);
        self.index.candidates(fact, &mut candidates);
        let verdict = self.judge(&view, &candidates, memory, |_, _| {});
        self.note_steps(&view, &mut candidates, memory);
        memory.candidates = candidates;
        verdict
    }

    /// Judges by the rules at the places `candidates`; `watch` sees each, and the memory, just before it is asked.
    pub(super) fn judge(
        &self,
        view: &View<'_>,
        candidates: &[u32],
        memory: &mut Memory,
        mut watch: impl FnMut(&Arc<Rule>, &Memory),
    ) -> Verdict {
        let rules = || self.at(candidates).filter(|rule| rule.is_asked_about(&view.fact.subject));
        let mut verdict = Verdict {
            action: Action::Allow,
            decisive: None,
            matches: Vec::new(),
            points: 0,
            guard_faults: Vec::new(),
        };
        for rule in rules().filter(|rule| rule.action == Action::Allow) {
            watch(rule, memory);
            verdict.take(view, rule, memory);
        }
        let excuses = verdict.excuses();
        for rule in rules().filter(|rule| rule.action != Action::Allow && !is_excused(rule, &excuses)) {
            watch(rule, memory);
            verdict.take(view, rule, memory);
        }
        verdict
    }

    pub(super) fn at(&self, places: &[u32]) -> impl Iterator<Item = &Arc<Rule>> {
        places.iter().filter_map(|place| self.rules.get(*place as usize))
    }

    /// After the verdict, so that a fact is not its own predecessor.
    fn note_steps(&self, view: &View<'_>, candidates: &mut Vec<u32>, memory: &mut Memory) {
        if self.steps.is_empty() || matches!(view.fact.subject, Subject::Handshake(_)) {
            return; // the connection itself is the step
        }
        self.step_index.candidates(view.fact, candidates);
        let mut what: Option<Arc<str>> = None;
        for (rule, step) in candidates.iter().rev().filter_map(|place| self.steps.get(*place as usize)) {
            let Some(sequence) = self.rules.get(*rule).and_then(|rule| rule.after.as_ref()) else { continue };
            let Some(conditions) = sequence.steps.get(*step).map(|step| &step.conditions) else { continue };
            let owners_wanted = conditions.process.as_ref().is_some_and(|process| process.owner.is_some());
            if (view.is_owners() && !owners_wanted)
                || !view.meets(conditions, memory, Unknown::IsMet, &mut Noop)
            {
                continue;
            }
            let what = what.get_or_insert_with(|| brief(&view.object().to_string()).into());
            let seen = Seen { at: view.fact.at, what: Arc::clone(what) };
            memory.steps_mut().note(sequence, *step, seen);
        }
    }
}

impl Rule {
    /// Before its handshake only exceptions, and rules that stop there, are asked about a connection.
    pub(super) fn is_asked_about(&self, subject: &Subject) -> bool {
        let early = matches!(subject, Subject::Handshake(_));
        !early || self.action == Action::Allow || self.before == Moment::Handshake
    }
}

impl Verdict {
    /// The enforced exceptions that matched.
    pub(super) fn excuses(&self) -> Vec<Arc<Rule>> {
        let allows = |found: &&Match| !found.observed_only && found.rule.action == Action::Allow;
        let enforced = self.matches.iter().filter(allows);
        enforced.map(|found| Arc::clone(&found.rule)).collect()
    }

    /// Takes a rule into account, if it matches.
    fn take(&mut self, view: &View<'_>, rule: &Arc<Rule>, memory: &mut Memory) {
        let asked = view.ask(rule, memory, &mut Noop);
        if asked.faulty {
            self.guard_faults.push(Arc::clone(rule));
        }
        if !asked.met {
            return;
        }
        if let Some(threshold) = &rule.threshold
            && !view.reaches(rule.key, threshold, memory)
        {
            return;
        }
        let mut teller = MatchText::default();
        view.ask(rule, memory, &mut teller);
        let mut conditions = teller.said;
        conditions.extend(rule.threshold.as_ref().map(describe_threshold));
        if conditions.is_empty() {
            conditions.push(format!("every {}", rule.on.word()));
        }
        let action = rule.action.min(asked.ceiling).min(view.ceiling(rule));
        if view.ceiling(rule) < rule.action {
            conditions.push(format!(
                "model and package hosts are never blocked: {} became alert",
                rule.action.word()
            ));
        }
        let observed_only = rule.mode == Mode::Observe;
        if !observed_only {
            // A guess holds, and nothing is lost by that; a budget spent by guesses would freeze what did nothing.
            if !view.guesses(rule, memory) {
                self.points += memory.add_risk(rule.key, &view.object(), rule.risk, view.fact.at);
            }
            let weaker = |decisive: &Arc<Rule>| (self.action, decisive.severity) < (action, rule.severity);
            if self.decisive.as_ref().is_none_or(weaker) {
                self.action = action;
                self.decisive = Some(Arc::clone(rule));
            }
        }
        self.matches.push(Match { rule: Arc::clone(rule), action, conditions, observed_only });
    }
}

/// The beginning of a long text.
fn brief(text: &str) -> &str {
    let end = (0..=MAX_SEEN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}
