//! A judgement made again, with every condition of every rule that was asked: what `interlock explain` shows.
//!
//! The same functions judge as did then, in the memory as it was then; only somebody listens. No rule is left out because
//! the index knows that it cannot match, so that those that did not match can say why.

use std::{cmp::Reverse, sync::Arc};

use super::{
    evaluate::{Condition, FullTrace, Verdict, View},
    exceptions::is_excused,
    memory::Memory,
    model::Rule,
    set::RuleSet,
};
use crate::{
    facts::{Action, Fact},
    words::Word,
};

/// A judgement and its reasons.
#[derive(Clone, Debug)]
pub struct Trace {
    pub verdict: Verdict,
    /// Every enabled rule about the fact's kind, exceptions first, then in the order of the rules.
    pub rules: Vec<Traced>,
    /// What the other rules say without the decisive one; `None` where no rule was.
    pub otherwise: Option<Verdict>,
}

/// A rule, and how each of its conditions fared.
#[derive(Clone, Debug)]
pub struct Traced {
    pub rule: Arc<Rule>,
    pub outcome: Outcome,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matched; with what is done because of it.
    Matched(Action),
    /// It would have matched, and an exception excused it.
    Excused,
    Unmatched,
}

impl RuleSet {
    /// Judges `fact` as it was judged when the session's memory was `past`.
    #[must_use]
    pub fn trace(&self, fact: &Fact, past: &Memory) -> Trace {
        let mut before = past.past();
        before.note(fact);
        let view = View::new(fact);
        let kind = fact.subject.kind();
        let about = |(_, rule): &(u32, &Arc<Rule>)| rule.enabled && rule.on == kind;
        let places: Vec<u32> = (0..).zip(&self.rules).filter(about).map(|(place, _)| place).collect();
        let mut rules = Vec::new();
        let verdict = self.judge(&view, &places, &mut before.past(), |rule, memory| {
            rules.push(Traced::new(&view, rule, memory));
        });
        let was_asked =
            |rule: &Arc<Rule>| rules.iter().any(|traced: &Traced| Arc::ptr_eq(&traced.rule, rule));
        let others: Vec<&Arc<Rule>> = self.at(&places).filter(|rule| !was_asked(rule)).collect();
        rules.extend(others.into_iter().map(|rule| Traced::new(&view, rule, &before)));
        let exceptions = verdict.excuses();
        for traced in &mut rules {
            let found = verdict.matches.iter().find(|found| Arc::ptr_eq(&found.rule, &traced.rule));
            traced.outcome = match found {
                Some(found) => Outcome::Matched(found.action),
                None if traced.unmet() == 0 && is_excused(&traced.rule, &exceptions) => Outcome::Excused,
                None => Outcome::Unmatched,
            };
        }
        let otherwise = verdict.decisive.as_ref().map(|decisive| {
            let place = self.rules.iter().position(|rule| Arc::ptr_eq(rule, decisive));
            let others: Vec<u32> =
                places.iter().copied().filter(|other| Some(*other as usize) != place).collect();
            self.judge(&view, &others, &mut before.past(), |_, _| {})
        });
        Trace { verdict, rules, otherwise }
    }
}

impl Trace {
    /// Rules that did not match, those with the fewest unmet conditions first; of those the strongest first.
    #[must_use]
    pub fn nearest(&self) -> Vec<&Traced> {
        self.unmatched(|rule| rule.action != Action::Allow)
    }

    /// Exceptions that would have excused the rule `id` and did not match, the nearest first.
    #[must_use]
    pub fn nearest_exceptions(&self, id: &str) -> Vec<&Traced> {
        let excuses = |rule: &Rule| rule.excuses.is_empty() || rule.excuses.iter().any(|other| other == id);
        self.unmatched(|rule| rule.action == Action::Allow && excuses(rule))
    }

    fn unmatched(&self, which: impl Fn(&Rule) -> bool) -> Vec<&Traced> {
        let unmatched = |traced: &&Traced| traced.outcome == Outcome::Unmatched && which(&traced.rule);
        let mut rules: Vec<&Traced> = self.rules.iter().filter(unmatched).collect();
        rules.sort_by_key(|traced| (traced.unmet(), Reverse(traced.rule.action)));
        rules
    }
}

impl Traced {
    fn new(view: &View<'_>, rule: &Arc<Rule>, memory: &Memory) -> Self {
        let mut trace = FullTrace::default();
        if !rule.is_asked_about(&view.fact.subject) {
            trace.conditions.push(Condition::too_early());
        }
        view.ask(rule, memory, &mut trace);
        // What does not meet the conditions is not counted.
        if let Some(threshold) = rule.threshold.as_ref().filter(|_| trace.all_met()) {
            view.trace_threshold(rule, threshold, memory, &mut trace);
        }
        if trace.conditions.is_empty() {
            trace.conditions.push(Condition::everything(rule.on.word()));
        }
        Self { rule: Arc::clone(rule), outcome: Outcome::Unmatched, conditions: trace.conditions }
    }

    /// How many of its conditions are not met.
    #[must_use]
    pub fn unmet(&self) -> usize {
        self.conditions.iter().filter(|condition| !condition.met).count()
    }
}
