//! Matches as the control API shows them.

use super::evaluate::Match;
use crate::control::api::RuleTrace;

impl From<&Match> for RuleTrace {
    fn from(found: &Match) -> Self {
        let rule = &found.rule;
        let mut matched = found.conditions.clone();
        if found.observed_only {
            matched.push("observe mode: recorded only".to_owned());
        }
        Self {
            id: rule.id.clone(),
            summary: rule.summary.clone(),
            action: found.action,
            matched,
            file: rule.source.file.clone(),
            line: rule.source.line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{Action, DestinationClass, Subject},
        rules::{
            Memory,
            testing::{destination, fact, second, set},
        },
    };

    #[test]
    fn a_trace_names_the_rule_its_place_and_the_values() {
        let rules = set(&[
            "{id: first, summary: s, on: exec, match: {process: {argv: x}}, action: alert}",
            "{id: infra, summary: Infra., on: connect, match: {destination: infra}, action: alert, mode: observe}",
        ]);
        let fact = fact(second(1), Subject::Connect(destination(DestinationClass::Infra, Some("api.test"))));
        let verdict = rules.evaluate(&fact, &mut Memory::new());
        let trace = RuleTrace::from(&verdict.matches[0]);
        let expected = RuleTrace {
            id: "infra".into(),
            summary: "Infra.".into(),
            action: Action::Alert,
            matched: vec!["destination.class = infra".into(), "observe mode: recorded only".into()],
            file: "test.yaml".into(),
            line: 4,
        };
        assert_eq!(trace, expected);
    }
}
