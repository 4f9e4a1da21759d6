//! Traces as the control API shows them.

use super::{
    evaluate::{Condition, Match},
    model::Source,
    set::RuleSet,
    trace::{Outcome, Trace, Traced},
};
use crate::{
    explanation::{ConditionTrace, Neighbour, Otherwise, RuleTrace, Written},
    facts::Action,
    words::Word as _,
};

/// Most rules that are listed beside those that matched.
const NEIGHBOURS: usize = 3;

impl Trace {
    /// The rules that matched, in the order in which they were asked; `rules` made the trace.
    #[must_use]
    pub fn matched(&self, rules: &RuleSet) -> Vec<RuleTrace> {
        let trace = |found: &Match| {
            let rule = &found.rule;
            let traced = self.rules.iter().find(|traced| traced.rule.id == rule.id);
            let exceptions =
                if rule.action == Action::Allow { Vec::new() } else { self.nearest_exceptions(&rule.id) };
            RuleTrace {
                id: rule.id.clone(),
                summary: rule.summary.clone(),
                action: found.action,
                conditions: traced.map(|traced| traces(&traced.conditions)).unwrap_or_default(),
                notes: notes(found),
                exceptions: exceptions.into_iter().take(NEIGHBOURS).map(Neighbour::from).collect(),
                runs_in: rules.place(rule),
                compiled: rules.compiled(rule),
                written: Written::from(&rule.source),
                overridden: rule.overridden.iter().map(Written::from).collect(),
            }
        };
        self.verdict.matches.iter().map(trace).collect()
    }

    /// Rules that an exception kept from matching.
    #[must_use]
    pub fn excused(&self) -> Vec<Neighbour> {
        let excused = self.rules.iter().filter(|traced| traced.outcome == Outcome::Excused);
        excused.map(Neighbour::from).collect()
    }

    /// Where no rule matched, those that came nearest.
    #[must_use]
    pub fn neighbours(&self) -> Vec<Neighbour> {
        if !self.verdict.matches.is_empty() {
            return Vec::new();
        }
        self.nearest().into_iter().take(NEIGHBOURS).map(Neighbour::from).collect()
    }

    /// What would have been decided without the decisive rule.
    #[must_use]
    pub fn without_decisive(&self) -> Option<Otherwise> {
        let (decisive, verdict) = (self.verdict.decisive.as_ref()?, self.otherwise.as_ref()?);
        let rule = verdict.decisive.as_ref();
        Some(Otherwise {
            without: decisive.id.clone(),
            action: verdict.action,
            rule: rule.map(|rule| rule.id.clone()),
            summary: rule.map(|rule| rule.summary.clone()),
        })
    }
}

/// Why something else is done than the rule says.
fn notes(found: &Match) -> Vec<String> {
    let mut notes = Vec::new();
    let (wanted, done) = (found.rule.action, found.action);
    if done < wanted {
        let why = match done {
            Action::Alert => "model and package hosts are never blocked",
            _ => "nobody is killed because of a guard without a result",
        };
        notes.push(format!("{why}: {} became {}", wanted.word(), done.word()));
    }
    if found.observed_only {
        notes.push("observe mode: recorded only".to_owned());
    }
    notes
}

fn traces<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> Vec<ConditionTrace> {
    conditions.into_iter().map(ConditionTrace::from).collect()
}

impl From<&Condition> for ConditionTrace {
    fn from(condition: &Condition) -> Self {
        Self {
            name: condition.name.to_owned(),
            met: condition.met,
            asked: condition.asked.clone(),
            found: condition.found.clone(),
            instead: condition.instead.clone(),
        }
    }
}

impl From<&Traced> for Neighbour {
    fn from(traced: &Traced) -> Self {
        let rule = &traced.rule;
        Self {
            id: rule.id.clone(),
            summary: rule.summary.clone(),
            action: rule.action,
            unmet: traces(traced.conditions.iter().filter(|condition| !condition.met)),
            file: rule.source.file.clone(),
            line: rule.source.line,
        }
    }
}

impl From<&Source> for Written {
    fn from(source: &Source) -> Self {
        Self { file: source.file.clone(), line: source.line, text: source.text.to_string() }
    }
}

#[cfg(test)]
mod tests;
