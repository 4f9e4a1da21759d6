//! Commands, as entries and ways to search list them.

use crate::{
    catalog::{
        command::{CommandPattern, Invocation, ValueOptions},
        fields::{commands, texts},
    },
    yaml::{Report, Section},
};

/// Commands of an entry or of a way to search.
#[derive(Debug)]
pub struct Commands {
    patterns: Vec<CommandPattern>,
    values: ValueOptions,
}

impl Commands {
    /// Reads the commands in the field `key`, and in `values` their options that take a value.
    pub fn read(section: &Section<'_>, key: &str, report: &mut Report<'_>) -> Self {
        let patterns = commands(section, key, report);
        Self { patterns, values: texts(section, "values", report).into_iter().collect() }
    }

    pub fn contain(&self, invocation: Invocation<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(invocation, &self.values))
    }
}
