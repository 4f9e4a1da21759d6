//! A kind of store: what it is, how grave a read is, and whose reads are ordinary.

pub mod commands;
pub mod habits;
pub mod owners;

use globset::GlobSet;

use self::{commands::Commands, habits::Habits, owners::Owners};
use crate::{
    catalog::{
        fields::{any, globs, texts, written},
        reading,
    },
    facts::Grade,
    yaml::{Node, Report, flag, name, word},
};

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

/// The fields of an entry.
pub const FIELDS: &[&str] = &[
    "id",
    "class",
    "pack",
    "grade",
    "paths",
    "watch",
    "owners",
    "owner_modules",
    "project_owners",
    "implicit",
    "implicit_installed",
    "implicit_grade",
    "for",
    "unnamed",
    "loaded",
    "except",
    "env_override",
    "commands",
    "values",
    "source",
    "unverified",
];

impl Entry {
    /// Reads an entry, without its paths.
    pub fn read(entry: &reading::Entry<'_>, report: &mut Report<'_>) -> Self {
        let section = &entry.section;
        if ["paths", "commands"].into_iter().all(|field| section.is_empty(field)) {
            let problem =
                report.add(section.at(), section.path(), "the entry says nowhere where its store is");
            problem.expected("paths or commands");
        }
        let pack = section.read("pack", report, name);
        let owners = texts(section, "owners", report);
        let except = written(section, "except", report);
        Self {
            id: entry.id.value.clone(),
            class: section.need("class", report, class).unwrap_or_default(),
            off: false,
            // Without a grade that is a problem which was noted, and nothing of the file is used.
            grade: section.need("grade", report, word).unwrap_or(Grade::A),
            watch: section.read("watch", report, flag).unwrap_or(true),
            owners: Owners::new(
                owners,
                texts(section, "owner_modules", report),
                texts(section, "project_owners", report),
            ),
            habits: Habits::read(section, pack.as_ref(), report),
            unnamed: section.read("unnamed", report, flag).unwrap_or(false),
            loaded: section.read("loaded", report, flag).unwrap_or(false),
            except: globs(&except, report),
            env_override: section.items("env_override", report, variable),
            commands: Commands::read(section, "commands", report),
            pack,
        }
    }
}

fn class(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let class = any(node, path, report)?;
    if !CLASSES.contains(&class.as_str()) {
        let problem = report.add(node.referenced, path, format!("found {class:?}"));
        problem.near(&class, CLASSES).expected(CLASSES.join(", "));
    }
    Some(class)
}

/// The name of a variable.
pub fn variable(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let name = any(node, path, report)?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let problem = report.add(node.referenced, path, format!("found {name:?}"));
        problem.expected("the name of a variable");
    }
    Some(name)
}
