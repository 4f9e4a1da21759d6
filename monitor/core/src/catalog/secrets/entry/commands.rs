//! Commands, as entries and ways to search list them.

use crate::catalog::{
    command::{CommandPattern, Invocation, ValueOptions},
    reader::Reader,
};

/// Commands of an entry or of a way to search.
#[derive(Debug)]
pub struct Commands {
    patterns: Vec<CommandPattern>,
    values: ValueOptions,
}

impl Commands {
    pub fn read(reader: &mut Reader, line: u64, patterns: &[String], values: Vec<String>) -> Self {
        Self { patterns: reader.commands(line, patterns), values: values.into_iter().collect() }
    }

    pub fn contain(&self, invocation: Invocation<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(invocation, &self.values))
    }
}
