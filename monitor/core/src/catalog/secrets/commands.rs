//! Commands that print credentials, and commands that look for them.

use std::collections::HashSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Judged, Secrets};
use crate::catalog::{
    command::{CommandPattern, Invocation, ValueOptions},
    pattern::wildcard,
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

/// A way to search, and the words that show what is searched for.
#[derive(Debug)]
pub struct Searches {
    kinds: Vec<Search>,
    /// Lower case.
    words: Vec<String>,
}

#[derive(Debug)]
struct Search {
    id: String,
    commands: Commands,
}

/// A command that searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchCommand<'a> {
    /// `text`, `files` or `scanner`.
    pub id: &'a str,
    /// An argument names credentials: `token`, `id_rsa`, `*.env*`.
    pub for_secrets: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSearch {
    id: String,
    commands: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
    source: String,
}

impl Searches {
    pub fn read(reader: &mut Reader, raw: Vec<Spanned<serde_json::Value>>, words: Vec<String>) -> Self {
        let raw = reader.entries::<RawSearch>(raw);
        let mut seen = HashSet::new();
        for (line, search) in &raw {
            reader.identity(*line, &search.id, &search.source, &mut seen);
        }
        for word in words.iter().filter(|word| word.len() < 3 || **word != word.to_lowercase()) {
            reader
                .problem(0, format!("search word `{word}`: expected at least three letters, in lower case"));
        }
        let kinds = raw
            .into_iter()
            .map(|(line, search)| Search {
                commands: Commands::read(reader, line, &search.commands, search.values),
                id: search.id,
            })
            .collect();
        Self { kinds, words: words.iter().map(|word| format!("*{word}*")).collect() }
    }

    fn speak_of_secrets(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().any(|word| wildcard(word, &text))
    }
}

impl Secrets {
    /// The store whose content the command prints: `gh auth token`, `kubectl config view --raw`.
    pub(in crate::catalog) fn printed_by(&self, invocation: Invocation<'_>) -> Option<Judged<'_>> {
        let (index, _) =
            (0_u32..).zip(&self.entries).find(|(_, entry)| entry.commands.contain(invocation))?;
        self.tagged(index)
    }

    /// The way in which the command searches, if it does.
    pub(in crate::catalog) fn search(&self, invocation: Invocation<'_>) -> Option<SearchCommand<'_>> {
        let search = self.searches.kinds.iter().find(|search| search.commands.contain(invocation))?;
        let for_secrets = invocation.args().iter().any(|arg| self.searches.speak_of_secrets(arg));
        Some(SearchCommand { id: &search.id, for_secrets })
    }
}

#[cfg(test)]
mod tests;
