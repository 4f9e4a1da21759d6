//! Commands that search, and the words that show what for.

use std::collections::HashSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::catalog::{
    command::Invocation, pattern::wildcard, reader::Reader, secrets::entry::commands::Commands,
};

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

    /// The way in which the command searches, if it does.
    pub fn asked_by(&self, invocation: Invocation<'_>) -> Option<SearchCommand<'_>> {
        let search = self.kinds.iter().find(|search| search.commands.contain(invocation))?;
        let for_secrets = invocation.args().iter().any(|arg| self.speak_of_secrets(arg));
        Some(SearchCommand { id: &search.id, for_secrets })
    }

    fn speak_of_secrets(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().any(|word| wildcard(word, &text))
    }
}
