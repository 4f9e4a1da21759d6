//! A kind of store: what it is, how grave a read is, and whose reads are ordinary.

pub mod commands;
pub mod habits;
pub mod owners;

use globset::GlobSet;
use serde::Deserialize;

use self::{commands::Commands, habits::Habits, owners::Owners};
use crate::{catalog::reader::Reader, facts::Grade};

/// What kinds of stores there are; `docs/catalogues.md` explains them. Rules name them, so a slip would go unseen.
const CLASSES: [&str; 19] = [
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

/// A kind of store.
#[derive(Debug)]
pub struct Entry {
    pub id: String,
    pub class: String,
    pub pack: Option<String>,
    /// The pack is switched off.
    pub off: bool,
    pub grade: Grade,
    pub watch: bool,
    pub owners: Owners,
    pub habits: Habits,
    /// No owner needs to be told where the store is.
    pub unnamed: bool,
    /// Loaders load it for what they start.
    pub loaded: bool,
    pub except: GlobSet,
    pub env_override: Vec<String>,
    pub commands: Commands,
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawEntry {
    pub id: String,
    pub class: String,
    /// What the entry is switched off with.
    #[serde(default)]
    pub pack: Option<String>,
    pub grade: Grade,
    #[serde(default)]
    pub paths: Vec<String>,
    #[serde(default = "yes")]
    pub watch: bool,
    #[serde(default)]
    pub owners: Vec<String>,
    #[serde(default)]
    pub owner_modules: Vec<String>,
    /// Owners where a project has them installed.
    #[serde(default)]
    pub project_owners: Vec<String>,
    /// Programs whose libraries read the store unasked: base names, a `*` at the end for a version, or globs of paths.
    #[serde(default)]
    pub implicit: Vec<String>,
    /// The same, while they run what is installed or lies in the workspace.
    #[serde(default)]
    pub implicit_installed: Vec<String>,
    /// As what such a read counts at most where nobody is known.
    #[serde(default)]
    pub implicit_grade: Option<Grade>,
    /// Packs, or single endpoints, that the credential is for; absent: the entry's own pack.
    #[serde(default, rename = "for")]
    pub is_for: Option<Vec<String>>,
    /// Owners know where the store is: one whose arguments name it does something else with it.
    #[serde(default)]
    pub unnamed: bool,
    /// What the top-level `loaders` load.
    #[serde(default)]
    pub loaded: bool,
    #[serde(default)]
    pub except: Vec<String>,
    #[serde(default)]
    pub env_override: Vec<String>,
    /// What prints the store's content.
    #[serde(default)]
    pub commands: Vec<String>,
    /// Options of these commands that take the next argument as their value.
    #[serde(default)]
    pub values: Vec<String>,
    pub source: String,
}

fn yes() -> bool {
    true
}

impl Entry {
    pub fn read(reader: &mut Reader, line: u64, raw: RawEntry) -> Self {
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
        for variable in raw.env_override.iter().filter(|variable| !is_variable(variable)) {
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

/// Whether `name` can be a variable's.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
