//! Reading a catalogue: every problem is noted with its line, and none hides another.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{
    command::CommandPattern,
    digest::{self, Digest},
    problem::CatalogProblem,
};

/// Version of the catalogue format that this daemon reads.
const VERSION: u32 = 1;

/// Collects the problems of one catalogue.
pub struct Reader {
    file: &'static str,
    problems: Vec<CatalogProblem>,
    sums: BTreeMap<String, [u8; 32]>,
}

impl Reader {
    pub fn new(file: &'static str) -> Self {
        Self { file, problems: Vec::new(), sums: BTreeMap::new() }
    }

    pub fn problem(&mut self, line: u64, what: impl Into<String>) {
        self.problems.push(CatalogProblem { file: self.file.to_owned(), line, what: what.into() });
    }

    /// The document's outermost mapping, or `None` with the problem noted.
    pub fn document<T: DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        match serde_saphyr::from_str(text) {
            Ok(document) => Some(document),
            Err(error) => {
                let line = error.location().map_or(0, |location| location.line());
                self.problem(line, error.without_snippet().to_string());
                None
            }
        }
    }

    pub fn version(&mut self, found: u32) {
        if found != VERSION {
            self.problem(1, format!("version {found} is not known; this program reads version {VERSION}"));
        }
    }

    /// Each entry with its line. An entry that is not of the expected form is a problem of its own.
    pub fn entries<T: DeserializeOwned>(&mut self, raw: Vec<Spanned<Value>>) -> Vec<(u64, T)> {
        let mut entries = Vec::with_capacity(raw.len());
        for mut entry in raw {
            let line = entry.referenced.line();
            let id = entry.value.get("id").and_then(Value::as_str).unwrap_or("without id").to_owned();
            self.sums.insert(id.clone(), digest::sum(&entry.value.to_string()));
            self.doubts(line, &id, &mut entry.value);
            match serde_path_to_error::deserialize(entry.value) {
                Ok(value) => entries.push((line, value)),
                Err(error) => {
                    let field = error.path().to_string();
                    let place = if field == "." { String::new() } else { format!(" (field `{field}`)") };
                    self.problem(line, format!("entry `{id}`: {}{place}", error.into_inner()));
                }
            }
        }
        entries
    }

    /// `unverified` is for the file's reader: `true`, or those of the entry's values that nobody has confirmed.
    fn doubts(&mut self, line: u64, id: &str, entry: &mut Value) {
        let Some(doubted) = entry.as_object_mut().and_then(|entry| entry.shift_remove("unverified")) else {
            return;
        };
        let values = match &doubted {
            Value::Bool(true) => return,
            Value::Array(values) if !values.is_empty() => values,
            _ => {
                let what = format!(
                    "entry `{id}`, field `unverified`: expected `true` or a list of the entry's values"
                );
                return self.problem(line, what);
            }
        };
        for value in values.iter().filter(|value| !holds(entry, value)) {
            self.problem(
                line,
                format!("entry `{id}`: {value} is no value of the entry (field `unverified`)"),
            );
        }
    }

    /// Notes an id that is empty or was seen before, and a missing source.
    pub fn identity<'a>(
        &mut self,
        line: u64,
        id: &'a str,
        source: &str,
        seen: &mut std::collections::HashSet<&'a str>,
    ) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || !id.chars().all(plain) {
            self.problem(line, format!("id `{id}`: expected lower-case letters, digits and dashes"));
        }
        if !seen.insert(id) {
            self.problem(line, format!("id `{id}` is used twice; merge the entries or rename one"));
        }
        if source.trim().is_empty() {
            self.problem(line, format!("entry `{id}` has no source; say where the fact is from"));
        }
    }

    /// Notes the name of a pack that rules could not write.
    pub fn pack(&mut self, line: u64, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let expected = "expected lower-case letters, digits and dashes, at most 64";
            self.problem(line, format!("pack `{name}`: {expected}"));
        }
    }

    /// Compiles globs, whose `*` never matches a slash; a bad one is noted and left out.
    pub fn globs<S: AsRef<str>>(&mut self, line: u64, globs: impl IntoIterator<Item = S>) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.as_ref();
            match GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build() {
                Ok(glob) => drop(set.add(glob)),
                Err(error) => self.problem(line, format!("glob `{glob}`: {}", error.kind())),
            }
        }
        set.build().unwrap_or_else(|error| {
            self.problem(line, format!("globs are too large together: {error}"));
            GlobSet::empty()
        })
    }

    /// Reads patterns of commands; a bad one is noted and left out.
    pub fn commands(&mut self, line: u64, patterns: &[String]) -> Vec<CommandPattern> {
        let mut commands = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            match CommandPattern::parse(pattern) {
                Ok(command) => commands.push(command),
                Err(expected) => self.problem(line, format!("command `{pattern}`: {expected}")),
            }
        }
        commands
    }

    /// Sums of the text and of the entries that were read from it.
    pub fn digest(&mut self, text: &str) -> Digest {
        Digest::new(text, std::mem::take(&mut self.sums))
    }

    /// `value`, unless there were problems.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<CatalogProblem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }

    /// The problems, for a document that could not be read at all.
    pub fn failed<T>(self) -> Result<T, Vec<CatalogProblem>> {
        Err(self.problems)
    }
}

/// Whether `value` stands anywhere in `within`.
fn holds(within: &Value, value: &Value) -> bool {
    within == value
        || match within {
            Value::Array(items) => items.iter().any(|item| holds(item, value)),
            Value::Object(fields) => fields.values().any(|field| holds(field, value)),
            _ => false,
        }
}
