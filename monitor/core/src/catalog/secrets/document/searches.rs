//! Commands that search, and the words that show what for.

use crate::{
    catalog::{
        command::Invocation,
        fields::any,
        pattern::wildcard,
        reading::{Entry, entries},
        secrets::entry::commands::Commands,
    },
    yaml::{Node, Report, Section},
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

const FIELDS: &[&str] = &["id", "commands", "values", "source", "unverified"];

impl Searches {
    pub fn read(file: &Section<'_>, report: &mut Report<'_>) -> Self {
        let mut kinds = Vec::new();
        for Entry { section, id } in entries(file, "searches", FIELDS, report) {
            if !section.has("commands") {
                report
                    .add(section.at(), section.field("commands"), "the field is missing")
                    .expected("a list");
            }
            kinds.push(Search { id: id.value, commands: Commands::read(&section, "commands", report) });
        }
        let words = file.items("search_words", report, word);
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

fn word(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let word = any(node, path, report)?;
    if word.len() < 3 || word != word.to_lowercase() {
        let problem = report.add(node.referenced, path, format!("found {word:?}"));
        problem.expected("at least three letters, in lower case");
    }
    Some(word)
}
