//! From the catalogue's text to its entries.

use std::collections::HashSet;

use super::{
    document::{Document, harmless, jobs, loaders, moves, places::Places, searches::Searches},
    entry::{Entry, RawEntry},
    names::{self, Generic},
    pattern::Pattern,
    set::{FILE, Secrets},
};
use crate::catalog::{command::Programs, pattern::expand_braces, problem::CatalogProblem, reader::Reader};

const BUILTIN: &str = include_str!("../../../../../rules/catalog/secrets.yaml");

impl Secrets {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Secrets::parse`]; a test proves that the built-in text has no problems.
    pub fn builtin() -> Result<Self, Vec<CatalogProblem>> {
        Self::parse(BUILTIN)
    }

    /// Reads a catalogue in the format of `docs/catalogues.md`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<CatalogProblem>> {
        let mut reader = Reader::new(FILE);
        let Some(document) = reader.document::<Document>(text) else { return reader.failed() };
        reader.version(document.version);
        let raw = reader.entries::<RawEntry>(document.entries);
        let mut seen = HashSet::new();
        for (line, entry) in &raw {
            reader.identity(*line, &entry.id, &entry.source, &mut seen);
        }
        let harmless = harmless::read(&mut reader, &document.harmless);
        let patterns = read_patterns(&mut reader, &raw);
        let generic = Generic {
            names: document.generic_names,
            directories: document.generic_directories,
            extensions: document.generic_extensions,
        };
        let lines: Vec<u64> = raw.iter().map(|(line, _)| *line).collect();
        let entries: Vec<Entry> =
            raw.into_iter().map(|(line, raw)| Entry::read(&mut reader, line, raw)).collect();
        let names = names::kernel(&mut reader, &lines, &entries, &patterns, &harmless, &generic);
        let globs = reader.globs(0, patterns.iter().map(|pattern| &pattern.text));
        let except = reader.globs(0, &document.except);
        let moves = moves::read(&mut reader, document.moves);
        let jobs = jobs::read(&mut reader, document.jobs);
        let searches = Searches::read(&mut reader, document.searches, document.search_words);
        let loaders = loaders::read(&mut reader, document.loaders);
        let wrappers = Programs::new([document.interpreters.clone(), document.multicall].concat());
        let places = Places::new(
            &mut reader,
            document.system_directories,
            &document.user_directories,
            document.interpreters,
        );
        let digest = reader.digest(text);
        reader.finish(Self {
            entries,
            patterns,
            globs,
            except,
            harmless,
            names,
            places,
            generic,
            moves,
            jobs,
            searches,
            loaders,
            wrappers,
            digest,
        })
    }
}

fn read_patterns(reader: &mut Reader, entries: &[(u64, RawEntry)]) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (index, (line, entry)) in (0_u32..).zip(entries) {
        for path in &entry.paths {
            if !["~/", "/", "**/"].iter().any(|start| path.starts_with(start)) {
                reader.problem(*line, format!("path `{path}`: expected `~/…`, `/…` or `**/…`"));
            }
            match expand_braces(path) {
                Some(texts) => patterns.extend(texts.into_iter().map(|text| Pattern { text, entry: index })),
                None => reader.problem(*line, format!("path `{path}`: the braces do not match")),
            }
        }
    }
    patterns
}
