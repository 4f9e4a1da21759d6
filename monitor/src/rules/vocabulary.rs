//! Names in rules that only the catalogue can judge: a slip there would make a rule that never matches.

use super::{
    RuleSet,
    problem::{Problem, Problems},
};

/// What a name in a rule stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    SecretClass,
    SecretEntry,
    Provider,
    Agent,
}

impl Noun {
    fn describe(self) -> &'static str {
        match self {
            Self::SecretClass => "secret class",
            Self::SecretEntry => "secret",
            Self::Provider => "provider",
            Self::Agent => "agent",
        }
    }
}

impl RuleSet {
    /// Names that the catalogue does not know, at the rules that use them; empty where all are known.
    #[must_use]
    pub fn strangers(&self, knows: impl Fn(Noun, &str) -> bool) -> Problems {
        let mut strangers = Vec::new();
        for rule in self {
            let conditions = &rule.conditions;
            let mut check = |field: &str, noun: Noun, names: &[String]| {
                for name in names.iter().filter(|name| !knows(noun, name)) {
                    let message = format!("the catalogue has no {} {name:?}", noun.describe());
                    let mut problem = Problem::of_file(rule.source.file.clone(), message);
                    problem.line = rule.source.line;
                    problem.column = rule.source.column;
                    problem.field = format!("{}: match.{field}", rule.id);
                    problem.hint("the rule can never match by it");
                    strangers.push(problem);
                }
            };
            if let Some(secret) = &conditions.secret {
                check("secret.class", Noun::SecretClass, &secret.class);
                check("secret.entry", Noun::SecretEntry, &secret.entry);
            }
            if let Some(touched) = &conditions.touched {
                check("touched.class", Noun::SecretClass, &touched.class);
            }
            if let Some(destination) = &conditions.destination {
                check("destination.provider", Noun::Provider, &destination.provider);
            }
            check("agent", Noun::Agent, &conditions.agent);
        }
        Problems(strangers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::set;

    #[test]
    fn names_that_the_catalogue_lacks_are_found_where_they_stand() {
        let rules = set(&[
            "{id: a, summary: s, on: open, match: {secret: {class: [paas, pass], entry: railway}}, action: alert}",
            "{id: b, summary: s, on: connect, action: alert, \
              match: {agent: codx, touched: {class: ssh}, destination: {provider: railway}}}",
        ]);
        let known = [
            (Noun::SecretClass, "paas"),
            (Noun::SecretClass, "ssh"),
            (Noun::SecretEntry, "railway"),
            (Noun::Provider, "railway"),
        ];
        let strangers = rules.strangers(|noun, name| known.contains(&(noun, name)));
        let lines: Vec<_> = strangers.iter().map(Problem::headline).collect();
        let expected = [
            "test.yaml:3:5: a: match.secret.class: the catalogue has no secret class \"pass\"; the rule can never match by it",
            "test.yaml:4:5: b: match.agent: the catalogue has no agent \"codx\"; the rule can never match by it",
        ];
        assert_eq!(lines, expected);
    }
}
