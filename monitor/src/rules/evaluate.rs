//! A fact, a session's memory and the rules give a verdict.
//!
//! An `allow` rule is an exception: where one matches, the rules that it excuses do nothing, count nothing and add
//! nothing. Of the others the strongest action of the enforced rules wins. Model and package hosts are never blocked:
//! whatever a rule says, they get no more than an alert.

mod view;

use std::sync::Arc;

use self::view::{Span, Unknown, View};
use super::{
    RuleSet,
    guard::Fault,
    memory::{Memory, Seen, age},
    model::{Moment, Rule, Sequence, Threshold},
    words::Word,
};
use crate::{
    control::api::Mode,
    facts::{Action, Fact, Subject},
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
        let verdict = self.judge(&view, &candidates, memory);
        self.note_steps(&view, &mut candidates, memory);
        memory.candidates = candidates;
        verdict
    }

    fn judge(&self, view: &View<'_>, candidates: &[u32], memory: &mut Memory) -> Verdict {
        let early = matches!(view.fact.subject, Subject::Handshake(_));
        let asked =
            |rule: &&Arc<Rule>| !early || rule.action == Action::Allow || rule.before == Moment::Handshake;
        let rules = || candidates.iter().filter_map(|place| self.rules.get(*place as usize)).filter(asked);
        let mut verdict = Verdict {
            action: Action::Allow,
            decisive: None,
            matches: Vec::new(),
            points: 0,
            guard_faults: Vec::new(),
        };
        for rule in rules().filter(|rule| rule.action == Action::Allow) {
            verdict.take(view, rule, memory);
        }
        let excuses = verdict.excuses();
        if !excuses.iter().any(|rule| rule.excuses.is_empty()) {
            let excused = |rule: &Arc<Rule>| excuses.iter().any(|allow| allow.excuses.contains(&rule.id));
            for rule in rules().filter(|rule| rule.action != Action::Allow && !excused(rule)) {
                verdict.take(view, rule, memory);
            }
        }
        verdict
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
                || !view.meets(conditions, memory, Unknown::IsMet, &mut |_| {})
            {
                continue;
            }
            let what = what.get_or_insert_with(|| brief(&view.object().to_string()).into());
            let seen = Seen { at: view.fact.at, what: Arc::clone(what) };
            memory.steps().note(sequence, *step, seen);
        }
    }
}

impl Verdict {
    /// The enforced exceptions that matched.
    fn excuses(&self) -> Vec<Arc<Rule>> {
        let enforced = self.matches.iter().filter(|found| !found.observed_only);
        enforced.map(|found| Arc::clone(&found.rule)).collect()
    }

    /// Takes a rule into account, if it matches.
    fn take(&mut self, view: &View<'_>, rule: &Arc<Rule>, memory: &mut Memory) {
        let unknown = if rule.action == Action::Allow { Unknown::IsUnmet } else { Unknown::IsMet };
        if !view.meets(&rule.conditions, memory, unknown, &mut |_| {}) {
            return;
        }
        if rule.except.iter().any(|except| view.meets(except, memory, Unknown::IsUnmet, &mut |_| {})) {
            return;
        }
        let Some(guarded) = self.ask_guard(view, rule, memory) else { return };
        let Some(followed) = ask_sequence(view, rule, memory, unknown) else { return };
        if let Some(threshold) = &rule.threshold
            && !view.reaches(rule.key, threshold, memory)
        {
            return;
        }
        let mut conditions = Vec::new();
        view.meets(&rule.conditions, memory, unknown, &mut |said| conditions.push(said.to_string()));
        conditions.extend(guarded.said);
        conditions.extend(followed);
        conditions.extend(rule.threshold.as_ref().map(describe_threshold));
        if conditions.is_empty() {
            conditions.push(format!("every {}", rule.on.word()));
        }
        let action = rule.action.min(guarded.ceiling).min(view.ceiling());
        if view.ceiling() < rule.action {
            conditions.push(format!(
                "model and package hosts are never blocked: {} became alert",
                rule.action.word()
            ));
        }
        let observed_only = rule.mode == Mode::Observe;
        if !observed_only {
            self.points += memory.add_risk(rule.key, &view.object(), rule.risk, view.fact.at);
            let weaker = |decisive: &Arc<Rule>| (self.action, decisive.severity) < (action, rule.severity);
            if self.decisive.as_ref().is_none_or(weaker) {
                self.action = action;
                self.decisive = Some(Arc::clone(rule));
            }
        }
        self.matches.push(Match { rule: Arc::clone(rule), action, conditions, observed_only });
    }

    /// What the guard says; `None` where it does not hold.
    fn ask_guard(&mut self, view: &View<'_>, rule: &Arc<Rule>, memory: &Memory) -> Option<Guarded> {
        let Some(guard) = &rule.guard else {
            return Some(Guarded { said: Vec::new(), ceiling: Action::Kill });
        };
        let scope = view.scope(memory.risk(view.fact.at));
        match guard.holds(&scope) {
            Ok(true) => Some(Guarded { said: guard.explain(&scope), ceiling: Action::Kill }),
            Ok(false) => None,
            Err(fault) => {
                self.guard_faults.push(Arc::clone(rule));
                // Closed for what stops, or a session could talk its way past a rule by confusing its guard; but nobody
                // is killed because of a guess. Open for alerts, and no exception is made by a guess.
                (rule.action >= Action::Hold).then(|| Guarded {
                    said: vec![describe_fault(guard.as_str(), fault, rule.action)],
                    ceiling: Action::Freeze,
                })
            }
        }
    }
}

/// A guard that holds, or counts as if it did.
struct Guarded {
    said: Vec<String>,
    /// The most that may be done because of it.
    ceiling: Action,
}

/// What happened before; `None` where it did not all happen in time.
fn ask_sequence(view: &View<'_>, rule: &Rule, memory: &mut Memory, unknown: Unknown) -> Option<Vec<String>> {
    let Some(sequence) = &rule.after else { return Some(Vec::new()) };
    let now = view.fact.at;
    match memory.steps().recall(sequence, now) {
        Some(facts) => Some(describe_steps(sequence, &facts, |seen| Span(age(now, seen.at)))),
        None if view.fact.incomplete && unknown == Unknown::IsMet => {
            Some(vec!["after: unknown (records were lost)".to_owned()])
        }
        None => None,
    }
}

fn describe_steps(sequence: &Sequence, facts: &[&Seen], ago: impl Fn(&Seen) -> Span) -> Vec<String> {
    let describe = |(step, seen): (&super::model::Step, &&Seen)| {
        format!("after {}: {} {} {} ago", step.id, step.on.word(), seen.what, ago(seen))
    };
    sequence.steps.iter().zip(facts).map(describe).collect()
}

fn describe_fault(guard: &str, fault: Fault, action: Action) -> String {
    let counts =
        if action == Action::Kill { "counts as met, and kill became freeze" } else { "counts as met" };
    format!("when {guard}: no result ({fault}); {counts}")
}

fn describe_threshold(threshold: &Threshold) -> String {
    let Threshold { count, distinct, within } = threshold;
    match distinct {
        Some(distinct) => format!("{count} distinct {} within {}", distinct.word(), Span(*within)),
        None => format!("{count} times within {}", Span(*within)),
    }
}

/// The beginning of a long text.
fn brief(text: &str) -> &str {
    let end = (0..=MAX_SEEN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}
