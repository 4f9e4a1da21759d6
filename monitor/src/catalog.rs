//! What the daemon knows beforehand: which programs are agents, which files are secrets, which endpoints are what.
//!
//! The knowledge is data (`rules/catalog/*.yaml`), built in and replaceable; `docs/catalogues.md` describes the formats.

pub mod agents;
pub mod destinations;
pub mod packages;
pub mod secrets;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

/// Version of the catalogue format that this daemon reads.
pub const VERSION: u32 = 1;

/// One thing wrong with a catalogue. All of a file's problems are reported at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct CatalogProblem {
    /// File name of the catalogue: `secrets.yaml`.
    pub file: &'static str,
    /// 1 for the first line; 0 when the parser could not tell.
    pub line: u64,
    /// What was found, what was expected, and what to do.
    pub what: String,
}

/// Collects the problems of one catalogue.
pub(crate) struct Reader {
    file: &'static str,
    problems: Vec<CatalogProblem>,
}

impl Reader {
    pub(crate) fn new(file: &'static str) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(crate) fn problem(&mut self, line: u64, what: impl Into<String>) {
        self.problems.push(CatalogProblem { file: self.file, line, what: what.into() });
    }

    /// The document's outermost mapping, or `None` with the problem noted.
    pub(crate) fn document<T: DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        match serde_saphyr::from_str(text) {
            Ok(document) => Some(document),
            Err(error) => {
                let line = error.location().map_or(0, |location| location.line());
                self.problem(line, error.without_snippet().to_string());
                None
            }
        }
    }

    pub(crate) fn version(&mut self, found: u32) {
        if found != VERSION {
            self.problem(1, format!("version {found} is not known; this program reads version {VERSION}"));
        }
    }

    /// Each entry with its line. An entry that is not of the expected form is a problem of its own.
    pub(crate) fn entries<T: DeserializeOwned>(
        &mut self,
        raw: Vec<Spanned<serde_json::Value>>,
    ) -> Vec<(u64, T)> {
        let mut entries = Vec::with_capacity(raw.len());
        for entry in raw {
            let line = entry.referenced.line();
            let id = entry.value.get("id").and_then(|id| id.as_str()).unwrap_or("without id").to_owned();
            match serde_json::from_value(entry.value) {
                Ok(value) => entries.push((line, value)),
                Err(error) => self.problem(line, format!("entry `{id}`: {error}")),
            }
        }
        entries
    }

    /// Notes an id that is empty or was seen before, and a missing source.
    pub(crate) fn identity<'a>(
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

    /// Compiles globs; a bad one is noted and left out of the set, which then is not used.
    pub(crate) fn globs<S: AsRef<str>>(&mut self, line: u64, globs: impl IntoIterator<Item = S>) -> GlobSet {
        self.compile(line, globs, true)
    }

    /// Compiles patterns whose `*` also matches a slash: values of variables.
    pub(crate) fn wildcards<S: AsRef<str>>(
        &mut self,
        line: u64,
        globs: impl IntoIterator<Item = S>,
    ) -> GlobSet {
        self.compile(line, globs, false)
    }

    fn compile<S: AsRef<str>>(
        &mut self,
        line: u64,
        globs: impl IntoIterator<Item = S>,
        literal_separator: bool,
    ) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.as_ref();
            match GlobBuilder::new(glob).literal_separator(literal_separator).backslash_escape(true).build() {
                Ok(glob) => drop(set.add(glob)),
                Err(error) => self.problem(line, format!("glob `{glob}`: {}", error.kind())),
            }
        }
        set.build().unwrap_or_else(|error| {
            self.problem(line, format!("globs are too large together: {error}"));
            GlobSet::empty()
        })
    }

    /// `value`, unless there were problems.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<CatalogProblem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }

    /// The problems, for a document that could not be read at all.
    pub(crate) fn failed<T>(self) -> Result<T, Vec<CatalogProblem>> {
        Err(self.problems)
    }
}

/// Last component of a path.
pub(crate) fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Writes out `{a,b}` alternatives, nested ones too; `None` when the braces don't match.
pub(crate) fn expand_braces(pattern: &str) -> Option<Vec<String>> {
    let Some(open) = pattern.find('{') else {
        return (!pattern.contains('}')).then(|| vec![pattern.to_owned()]);
    };
    let (head, rest) = pattern.split_at(open);
    if head.contains('}') {
        return None;
    }
    let (alternatives, tail) = alternatives(rest)?;
    let tails = expand_braces(tail)?;
    let mut expanded = Vec::new();
    for alternative in alternatives {
        for middle in expand_braces(alternative)? {
            expanded.extend(tails.iter().map(|tail| format!("{head}{middle}{tail}")));
        }
    }
    Some(expanded)
}

/// Splits `{a,b}tail` at its outermost commas.
fn alternatives(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => {
                parts.push(text.get(start..at)?);
                return Some((parts, text.get(at + 1..)?));
            }
            b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// `path` as `~/…` when it lies in `home`, or in what is somebody's home by its place (`/root`, `/home/NAME`).
pub(crate) fn tilde(path: &str, home: Option<&str>) -> Option<String> {
    let below = |prefix: &str| {
        let rest = path.strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/')?;
        (!rest.is_empty()).then_some(rest)
    };
    let named = |prefix: &str| below(prefix)?.split_once('/').map(|(_, rest)| rest);
    home.filter(|home| home.len() > 1)
        .and_then(below)
        .or_else(|| below("/root"))
        .or_else(|| named("/home"))
        .or_else(|| named("/var/home"))
        .map(|rest| format!("~/{rest}"))
}

/// `path` as `~/…` from its first hidden directory on: how it would read if that directory stood in a home.
pub(crate) fn any_home(path: &str) -> Option<String> {
    let (at, _) = path.match_indices("/.").find(|(at, _)| {
        path.get(at + 2..).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric()))
    })?;
    Some(format!("~{}", path.get(at..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_written_out() {
        assert_eq!(expand_braces("a/{b,c}/{d,e}.x").unwrap(), ["a/b/d.x", "a/b/e.x", "a/c/d.x", "a/c/e.x"]);
        assert_eq!(expand_braces("{a,b{1,2}}").unwrap(), ["a", "b1", "b2"]);
        assert_eq!(expand_braces("plain").unwrap(), ["plain"]);
        for bad in ["{a", "a}", "a}{b", "{a,{b}"] {
            assert_eq!(expand_braces(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_home_is_the_given_one_or_one_by_its_place() {
        let home = Some("/srv/people/ann");
        assert_eq!(tilde("/srv/people/ann/.pgpass", home).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/home/bob/.pgpass", home).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/root/.pgpass", None).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/srv/people/annette/.pgpass", home), None);
        assert_eq!(tilde("/rooted/.pgpass", None), None);
        assert_eq!(tilde("/opt/.pgpass", Some("/")), None);
    }
}
