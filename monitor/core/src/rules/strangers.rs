//! Names in a set of rules that the catalogue does not know.

use super::set::RuleSet;
use crate::{
    catalog::{
        Catalog,
        agents::{COMMAND, UNKNOWN},
        secrets::UNRESOLVED,
    },
    problem::{Problem, Problems},
    yaml::{Citation, Noun},
};

impl RuleSet {
    /// Names that `catalog` does not know, each at its characters and with the nearest one that it does.
    #[must_use]
    pub fn strange_to(&self, catalog: &Catalog) -> Problems {
        let words = |noun: Noun| -> Vec<String> {
            let (secrets, destinations) = (&catalog.secrets, &catalog.destinations);
            let known: Vec<&str> = match noun {
                Noun::SecretClass => secrets.classes().chain([UNKNOWN]).collect(),
                Noun::SecretEntry => secrets.ids().chain([UNRESOLVED]).collect(),
                Noun::Provider => destinations.providers().collect(),
                Noun::Agent => catalog.agents.ids().chain([UNKNOWN, COMMAND]).collect(),
                Noun::Service => destinations.services().ids().collect(),
                Noun::Rule => self.iter().map(|rule| rule.id.as_str()).collect(),
                Noun::Host => Vec::new(),
            };
            known.into_iter().map(str::to_owned).collect()
        };
        self.strangers_among(|noun, name| words(noun).iter().any(|word| word == name), words)
    }

    /// Names that nobody knows, each with the nearest of the `words` that the catalogue has for a noun.
    fn strangers_among(
        &self,
        knows: impl Fn(Noun, &str) -> bool,
        words: impl Fn(Noun) -> Vec<String>,
    ) -> Problems {
        let strange = |citation: &&Citation| !knows(citation.noun, &citation.name);
        let report = |citation: &Citation| {
            let mut problem = citation.place.clone();
            problem.message =
                format!("the catalogue has no {} {:?}", citation.noun.describe(), citation.name);
            let words = words(citation.noun);
            problem.near(&citation.name, words.iter().map(String::as_str));
            let hint = problem.hint.take().unwrap_or_else(|| "the rule can never match by it".to_owned());
            problem.hint(hint);
            problem
        };
        let mut strangers: Vec<Problem> = self.citations.iter().filter(strange).map(report).collect();
        strangers.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
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
        let agents = |noun| if noun == Noun::Agent { vec!["codex".to_owned()] } else { Vec::new() };
        let strangers = rules.strangers_among(|noun, name| known.contains(&(noun, name)), agents);
        let lines: Vec<_> = strangers.iter().map(Problem::headline).collect();
        let expected = [
            "test.yaml:3:66: rules[0].match.secret.class[1]: the catalogue has no secret class \"pass\"; \
             the rule can never match by it",
            "test.yaml:4:68: rules[1].match.agent: the catalogue has no agent \"codx\"; did you mean \"codex\"?",
        ];
        assert_eq!(lines, expected);
        assert!(strangers.0[0].to_string().ends_with(&format!("\n    {}^^^^", " ".repeat(65))));
    }
}
