//! Files that hold credentials: what they are, how grave a read is, and whose reads are ordinary.
//!
//! The kernel recognises secrets by inode ([`Secrets::places`]) and, more coarsely, by name
//! ([`Secrets::kernel_names`]). What it reported by name is then judged precisely by path ([`Secrets::judge`]).

mod commands;
mod existing;
mod habit;
mod job;
mod loaders;
mod moved;
mod names;
mod owner;
mod within;

use std::collections::{BTreeSet, HashSet};

use globset::GlobSet;
use monitor_common::policy::SecretTag;
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use self::{
    commands::SearchCommand,
    existing::StorePlace,
    habit::{Habitual, Program},
    moved::Moved,
};
use self::{
    commands::{Commands, Searches},
    habit::Habits,
    job::{Job, RawJob},
    loaders::Loader,
    moved::{Move, RawMove},
    names::{Generic, KernelNames},
    owner::{Owners, Places},
};
use super::{
    CatalogProblem,
    command::Programs,
    digest::Digest,
    homes::{By, InHome, before_snapshot, homes},
    path::{basename, normalise},
    pattern::expand_braces,
    reader::Reader,
};
use crate::facts::Grade;

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "secrets.yaml";
const BUILTIN: &str = include_str!("../../../../rules/catalog/secrets.yaml");

/// What kinds of stores there are; `docs/catalogues.md` explains them. Rules name them, so a slip would go unseen.
pub const CLASSES: [&str; 19] = [
    "agent",
    "browser",
    "ci",
    "cloud",
    "container",
    "database",
    "dotenv",
    "gpg",
    "history",
    "iac",
    "key",
    "kubernetes",
    "paas",
    "password-store",
    "registry",
    "shell",
    "ssh",
    "system",
    "vcs",
];

/// Stands for an entry where a path was too long to be looked at.
pub const UNRESOLVED: &str = "unresolved-path";

/// The catalogue of secrets.
#[derive(Debug)]
pub struct Secrets {
    entries: Vec<Entry>,
    /// In the file's order, braces written out: the first that matches a path decides.
    patterns: Vec<Pattern>,
    /// One glob for each pattern, with the same index.
    globs: GlobSet,
    except: GlobSet,
    harmless: HashSet<String>,
    names: KernelNames,
    places: Places,
    generic: Generic,
    moves: Vec<Move>,
    jobs: Vec<Job>,
    searches: Searches,
    loaders: Vec<Loader>,
    /// Programs that stand for what their first argument names.
    wrappers: Programs,
    pub(super) digest: Digest,
}

#[derive(Debug)]
struct Entry {
    id: String,
    class: String,
    pack: Option<String>,
    /// The pack is switched off.
    off: bool,
    grade: Grade,
    watch: bool,
    owners: Owners,
    habits: Habits,
    /// No owner needs to be told where the store is.
    unnamed: bool,
    /// Loaders load it for what they start.
    loaded: bool,
    except: GlobSet,
    env_override: Vec<String>,
    commands: Commands,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    entry: u32,
}

impl Pattern {
    fn in_home(&self) -> bool {
        self.text.starts_with("~/")
    }

    /// Not bound to a home or to an absolute place.
    fn anywhere(&self) -> bool {
        self.text.starts_with("**/")
    }
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// Index of the entry, as in [`SecretTag::entry`].
    pub entry: u32,
    pub id: &'a str,
    pub class: &'a str,
    pub grade: Grade,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default)]
    generic_names: BTreeSet<String>,
    #[serde(default)]
    generic_directories: BTreeSet<String>,
    #[serde(default)]
    generic_extensions: BTreeSet<String>,
    #[serde(default)]
    harmless: Vec<Spanned<Harmless>>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    system_directories: Vec<String>,
    #[serde(default)]
    user_directories: Vec<String>,
    #[serde(default)]
    interpreters: Vec<String>,
    /// Programs such as `busybox`, which are what their first argument names.
    #[serde(default)]
    multicall: Vec<String>,
    #[serde(default)]
    moves: Vec<Spanned<RawMove>>,
    /// Where runners put what is their jobs' own.
    #[serde(default)]
    jobs: Vec<Spanned<RawJob>>,
    #[serde(default)]
    searches: Vec<Spanned<serde_json::Value>>,
    #[serde(default)]
    search_words: Vec<String>,
    /// Tools that load settings for what they start.
    #[serde(default)]
    loaders: Vec<Spanned<serde_json::Value>>,
    entries: Vec<Spanned<serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Harmless {
    names: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    class: String,
    /// What the entry is switched off with.
    #[serde(default)]
    pack: Option<String>,
    grade: Grade,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default = "yes")]
    watch: bool,
    #[serde(default)]
    owners: Vec<String>,
    #[serde(default)]
    owner_modules: Vec<String>,
    /// Owners where a project has them installed.
    #[serde(default)]
    project_owners: Vec<String>,
    /// Programs whose libraries read the store unasked: base names, a `*` at the end for a version, or globs of paths.
    #[serde(default)]
    implicit: Vec<String>,
    /// The same, while they run what is installed or lies in the workspace.
    #[serde(default)]
    implicit_installed: Vec<String>,
    /// As what such a read counts at most where nobody is known.
    #[serde(default)]
    implicit_grade: Option<Grade>,
    /// Packs, or single endpoints, that the credential is for; absent: the entry's own pack.
    #[serde(default, rename = "for")]
    is_for: Option<Vec<String>>,
    /// Owners know where the store is: one whose arguments name it does something else with it.
    #[serde(default)]
    unnamed: bool,
    /// What the top-level `loaders` load.
    #[serde(default)]
    loaded: bool,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    env_override: Vec<String>,
    /// What prints the store's content.
    #[serde(default)]
    commands: Vec<String>,
    /// Options of these commands that take the next argument as their value.
    #[serde(default)]
    values: Vec<String>,
    source: String,
}

fn yes() -> bool {
    true
}

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
        let harmless = read_harmless(&mut reader, &document.harmless);
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
        let moves = moved::read(&mut reader, document.moves);
        let jobs = job::read(&mut reader, document.jobs);
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

    /// What the kernel looks for by name: hashes of [`monitor_common::hash`], each at most once.
    ///
    /// A tag of grade [`monitor_common::policy::GRADE_NONE`] is a name that looks like a secret and is none.
    #[must_use]
    pub fn kernel_names(&self) -> Vec<(u64, SecretTag)> {
        self.names.merged(|entry| self.kernel_tag(entry))
    }

    /// How the kernel marks the entry's files. A read of one whose pack is switched off is reported, and taints nothing.
    #[must_use]
    pub fn kernel_tag(&self, entry: u32) -> Option<SecretTag> {
        let found = self.entry(entry)?;
        let grade = if found.off { names::GRADE_REPORTED } else { names::grade(found.grade) };
        Some(SecretTag::of(entry, grade))
    }

    /// The pack of each entry that is part of one, with repetitions.
    pub(super) fn packs(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| entry.pack.as_deref())
    }

    /// The packs and endpoints that entries state their credentials are for, with the entries' lines.
    pub(super) fn stated_to_be_for(&self) -> impl Iterator<Item = (u64, &str)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.habits.stated?, entry)))
            .flat_map(|(line, entry)| entry.habits.is_for.iter().map(move |name| (line, name.as_str())))
    }

    /// Switches exactly these packs off.
    pub(super) fn switch_off(&mut self, packs: &BTreeSet<&str>) {
        for entry in &mut self.entries {
            entry.off = entry.pack.as_deref().is_some_and(|pack| packs.contains(pack));
        }
    }

    /// The pack that the entry of this id was switched off with.
    #[must_use]
    pub fn switched_off(&self, id: &str) -> Option<&str> {
        let entry = self.entries.iter().filter(|entry| entry.off).find(|entry| entry.id == id)?;
        entry.pack.as_deref()
    }

    /// What the kernel's tag stands for. For files found by inode this is the answer: their name may be any.
    #[must_use]
    pub fn tagged(&self, entry: u32) -> Option<Judged<'_>> {
        let found = self.entries.get(usize::try_from(entry).ok()?)?;
        Some(Judged { entry, id: &found.id, class: &found.class, grade: found.grade })
    }

    /// What a file is that the kernel found by name, or `None` when it is no secret after all.
    ///
    /// `home` is the session's home directory, links resolved; `homes.rs` says where others are, and copies of them. What only
    /// looks like a home could be any directory, so there a store of grade A alone counts. A path that is not absolute was
    /// not wholly resolved: then `hint`, the kernel's entry, counts unless an exception says otherwise.
    #[must_use]
    pub fn judge(&self, path: &str, home: Option<&str>, hint: u32) -> Option<Judged<'_>> {
        let path = normalise(path);
        if self.harmless.contains(basename(&path)) {
            return None;
        }
        let homes = homes(&path, home);
        let lived = before_snapshot(&path);
        let public =
            self.except.is_match(&path) || lived.as_ref().is_some_and(|path| self.except.is_match(path));
        let excepted = |entry: &Entry| {
            entry.except.is_match(&path) || homes.iter().any(|found| entry.except.is_match(&found.path))
        };
        let found = self.matches([Some(&path), lived.as_ref()], &homes).into_iter().find(|(pattern, by)| {
            let guessed = pattern.in_home() && *by == By::Guess;
            let doubtful = pattern.anywhere() || (pattern.in_home() && *by != By::Place);
            self.entry(pattern.entry).is_some_and(|entry| {
                let likely = !guessed || entry.grade == Grade::A;
                likely && !(public && doubtful) && !excepted(entry)
            })
        });
        match found {
            Some((pattern, _)) => self.tagged(pattern.entry),
            None if path.starts_with('/') || public => None,
            None => self.entry(hint).filter(|entry| !excepted(entry)).and_then(|_| self.tagged(hint)),
        }
    }

    /// The patterns that one of the path's readings matches, in the file's order, each with the surest way to a home.
    fn matches(&self, absolute: [Option<&String>; 2], homes: &[InHome]) -> Vec<(&Pattern, By)> {
        let absolute = absolute.into_iter().flatten().map(|path| (path, By::Place));
        let readings = absolute.chain(homes.iter().map(|found| (&found.path, found.by)));
        let mut matches: Vec<(usize, By)> = readings
            .flat_map(|(path, by)| self.globs.matches(path).into_iter().map(move |index| (index, by)))
            .collect();
        matches.sort_unstable();
        matches.iter().filter_map(|(index, by)| Some((self.patterns.get(*index)?, *by))).collect()
    }

    /// Whether the entry's files lie in projects alone: what a command prints of them is the workspace's own.
    #[must_use]
    pub fn is_of_projects(&self, entry: u32) -> bool {
        let mut files = self.patterns.iter().filter(|pattern| pattern.entry == entry).peekable();
        files.peek().is_some() && files.all(Pattern::anywhere)
    }

    /// Ids of all entries, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.id.as_str())
    }

    /// Classes of the entries, with repetitions.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.class.as_str())
    }

    pub(super) fn wrappers(&self) -> &Programs {
        &self.wrappers
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }
}

impl Entry {
    fn read(reader: &mut Reader, line: u64, raw: RawEntry) -> Self {
        if !CLASSES.contains(&raw.class.as_str()) {
            let known = CLASSES.join(", ");
            reader.problem(
                line,
                format!("entry `{}`: unknown class `{}`, expected one of {known}", raw.id, raw.class),
            );
        }
        if let Some(pack) = &raw.pack {
            reader.pack(line, pack);
        }
        if raw.paths.is_empty() && raw.commands.is_empty() {
            reader.problem(line, format!("entry `{}` has neither paths nor commands; list one", raw.id));
        }
        for variable in raw.env_override.iter().filter(|variable| !moved::is_variable(variable)) {
            reader.problem(line, format!("env_override `{variable}`: expected the name of a variable"));
        }
        Self {
            commands: Commands::read(reader, line, &raw.commands, raw.values),
            except: reader.globs(line, &raw.except),
            owners: Owners::new(raw.owners, raw.owner_modules, raw.project_owners),
            habits: Habits::read(
                reader,
                line,
                raw.implicit,
                raw.implicit_installed,
                raw.implicit_grade,
                (raw.is_for, raw.pack.as_ref()),
            ),
            unnamed: raw.unnamed,
            loaded: raw.loaded,
            id: raw.id,
            class: raw.class,
            pack: raw.pack,
            off: false,
            grade: raw.grade,
            watch: raw.watch,
            env_override: raw.env_override,
        }
    }
}

fn read_harmless(reader: &mut Reader, groups: &[Spanned<Harmless>]) -> HashSet<String> {
    let mut names = HashSet::new();
    for group in groups {
        let line = group.referenced.line();
        if group.value.source.trim().is_empty() {
            reader.problem(line, "harmless names without a source; say where the fact is from");
        }
        for name in &group.value.names {
            if name.contains(['/', '*', '?', '[', '{']) {
                reader.problem(
                    line,
                    format!("harmless name `{name}`: expected a plain file name, not a pattern"),
                );
            }
            names.insert(name.clone());
        }
    }
    names
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

#[cfg(test)]
mod tests;
