//! From the catalogue's text to its entries.

use super::{
    document::{FIELDS, harmless, jobs, loaders, moves, places::Places, searches::Searches},
    entry::{self, Entry},
    names::{self, Generic},
    pattern::Pattern,
    set::{FILE, Secrets},
};
use crate::{
    catalog::{
        command::Programs,
        digest::Digest,
        fields::{Placed, globs, path_pattern, texts, written},
        reading::{self, entries, read as read_file},
    },
    problem::Problems,
    yaml::{Report, Section},
};

/// The file's name and the text that is built in.
pub const SHIPPED: (&str, &str) = (FILE, include_str!("../../../../../rules/catalog/secrets.yaml"));

impl Secrets {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Secrets::parse`]; a test proves that the built-in text has no problems.
    pub fn builtin() -> Result<Self, Problems> {
        Self::parse(SHIPPED.1)
    }

    /// Reads a catalogue in the format of `docs/catalogues.md`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each at its place.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        read(FILE, text)
    }
}

/// Reads a catalogue; `file` is its name in problems.
pub fn read(file: &str, text: &str) -> Result<Secrets, Problems> {
    read_file(file, text, FIELDS, |file, report| {
        let raw = entries(file, "entries", entry::FIELDS, report);
        let (patterns, places) = patterns(&raw, report);
        let entries: Vec<Entry> = raw.iter().map(|entry| Entry::read(entry, report)).collect();
        let harmless = harmless::read(file, report);
        let generic = generic(file, report);
        let names = names::kernel(&entries, patterns.iter().zip(&places), &harmless, &generic, report);
        let interpreters = texts(file, "interpreters", report);
        let wrappers = [interpreters.clone(), texts(file, "multicall", report)].concat();
        Secrets {
            globs: globs(&places, report),
            except: globs(&written(file, "except", report), report),
            entries,
            patterns,
            harmless,
            names,
            places: Places::read(file, interpreters, report),
            generic,
            moves: moves::read(file, report),
            jobs: jobs::read(file, report),
            searches: Searches::read(file, report),
            loaders: loaders::read(file, report),
            wrappers: Programs::new(wrappers),
            digest: Digest::new(text, file, &["entries", "searches", "loaders"]),
        }
    })
}

fn generic(file: &Section<'_>, report: &mut Report<'_>) -> Generic {
    Generic {
        names: texts(file, "generic_names", report).into_iter().collect(),
        directories: texts(file, "generic_directories", report).into_iter().collect(),
        extensions: texts(file, "generic_extensions", report).into_iter().collect(),
    }
}

/// The paths of all entries, braces written out, and where each is written.
fn patterns(entries: &[reading::Entry<'_>], report: &mut Report<'_>) -> (Vec<Pattern>, Vec<Placed>) {
    let (mut patterns, mut places) = (Vec::new(), Vec::new());
    for (index, entry) in (0_u32..).zip(entries) {
        for path in written(&entry.section, "paths", report) {
            let texts = path_pattern(&path, &["~/", "/", "**/"], report).unwrap_or_default();
            patterns.extend(texts.iter().map(|text| Pattern { text: text.value.clone(), entry: index }));
            places.extend(texts);
        }
    }
    (patterns, places)
}
