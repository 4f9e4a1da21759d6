//! Where the parts of a rule are written, for what is found only once everything has been read.

use std::sync::Arc;

use crate::{
    problem::Problem,
    yaml::{Citation, Noun},
};

/// The places of one rule.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Written>);

#[derive(Debug, Default)]
struct Written {
    rule: Problem,
    /// Every field below the rule, by its path from there: `match.destination.named`.
    fields: Vec<(String, Problem)>,
    cited: Vec<Citation>,
    /// Path of the rule: `rules[2]`.
    path: String,
}

impl Places {
    /// Of a rule: its own place, that of each of its fields by the field's path, the names in it, and its own path.
    pub fn new(rule: Problem, fields: Vec<(String, Problem)>, cited: Vec<Citation>, path: &str) -> Self {
        Self(Arc::new(Written { rule, fields, cited, path: path.to_owned() }))
    }

    /// A problem of a field of the rule, or of the rule where it has no such field.
    pub fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        let found = self.0.fields.iter().find(|(path, _)| path == field).map(|(_, place)| place);
        Problem { message: message.into(), ..found.unwrap_or(&self.0.rule).clone() }
    }

    /// The names that stand below a field: `match.`.
    pub fn cited(&self, noun: Noun, below: &str) -> impl Iterator<Item = &Citation> {
        let prefix = format!("{}.{below}", self.0.path);
        self.0.cited.iter().filter(move |one| one.noun == noun && one.place.field.starts_with(&prefix))
    }
}
