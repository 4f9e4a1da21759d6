//! From the catalogue's text to its agents.

use std::collections::{HashMap, HashSet};

use super::{Agent, Agents, FILE, Flag, Marker};
use crate::{
    catalog::{
        command::Programs,
        digest::Digest,
        fields::{Placed, any, globs, note_twice, placed, texts, written},
        program::{PACKAGE_KINDS, Package},
        reading::{Entry, entries, read as read_file},
    },
    problem::Problems,
    yaml::{Node, Report, Section, Value, flag, text},
};

/// The file's name and the text that is built in.
pub const SHIPPED: (&str, &str) = (FILE, include_str!("../../../../../rules/catalog/agents.yaml"));

const FIELDS: &[&str] =
    &["version", "interpreters", "name_variables", "name_ignored", "bystanders", "entries"];

const AGENT: &[&str] = &[
    "id",
    "name",
    "host",
    "executables",
    "scripts",
    "paths",
    "argv",
    "session_markers",
    "marker_pairs",
    "weak_markers",
    "names",
    "approval_off",
    "approval_off_env",
    "own_secrets",
    "packages",
    "titles",
    "own_commands",
    "daemons",
    "own_sockets",
    "source",
    "unverified",
];

impl Agents {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Agents::parse`]; a test proves that the built-in text has no problems.
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
pub fn read(file: &str, text: &str) -> Result<Agents, Problems> {
    read_file(file, text, FIELDS, |file, report| {
        let interpreters = file.need_items("interpreters", report, placed);
        let interpreters = globs(&interpreters, report);
        let raw = entries(file, "entries", AGENT, report);
        let written: Vec<Written> = raw.iter().map(|entry| entry_of(entry, report)).collect();
        let named = unique_names(&written, report);
        let entries: Vec<Agent> = written.into_iter().map(|written| written.agent).collect();
        Agents {
            programs: entries.iter().flat_map(Agent::programs).cloned().collect(),
            entries,
            interpreters,
            name_variables: texts(file, "name_variables", report),
            name_ignored: texts(file, "name_ignored", report).into_iter().collect(),
            bystanders: Programs::new(texts(file, "bystanders", report)),
            named,
            digest: Digest::new(text, file, &["entries"]),
        }
    })
}

/// An agent, with what no other one may have as well.
struct Written {
    agent: Agent,
    distinctive: Vec<Placed>,
    names: Vec<Placed>,
}

fn entry_of(entry: &Entry<'_>, report: &mut Report<'_>) -> Written {
    let section = &entry.section;
    let executables = section.need_items("executables", report, executable);
    let (generic, distinctive): (Vec<_>, Vec<_>) = executables.into_iter().partition(|one| one.generic);
    let names = |executables: &[Executable]| -> HashSet<String> {
        executables.iter().map(|one| one.name.value.clone()).collect()
    };
    let strong = section.items("session_markers", report, marker);
    check_weak(section, &strong, report);
    let alone = strong.into_iter().map(|marker| vec![marker.value]);
    let markers = alone.chain(section.items("marker_pairs", report, pair)).collect();
    let off = section.items("approval_off_env", report, marker);
    let patterns = |key: &str, report: &mut Report<'_>| globs(&written(section, key, report), report);
    let agent = Agent {
        id: entry.id.value.clone(),
        name: section.need("name", report, text).unwrap_or_default(),
        host: section.read("host", report, flag).unwrap_or(false),
        scripts: texts(section, "scripts", report).into_iter().chain(names(&distinctive)).collect(),
        executables: names(&distinctive),
        generic: names(&generic),
        titles: texts(section, "titles", report).into_iter().collect(),
        packages: section.items("packages", report, package).into_iter().collect(),
        paths: patterns("paths", report),
        argv: patterns("argv", report),
        markers,
        approval_off: texts(section, "approval_off", report).iter().map(|text| option(text)).collect(),
        approval_off_env: off.into_iter().map(|marker| marker.value).collect(),
        own_secrets: patterns("own_secrets", report),
        own_commands: texts(section, "own_commands", report),
        daemons: texts(section, "daemons", report),
        own_sockets: patterns("own_sockets", report),
    };
    let distinctive = distinctive.into_iter().map(|one| one.name).collect();
    Written { agent, distinctive, names: written(section, "names", report) }
}

struct Executable {
    name: Placed,
    /// The name is too common to be enough: a path, a script or a marker must join it.
    generic: bool,
}

fn executable(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Executable> {
    if let Value::Text(_) = &node.value {
        return Some(Executable { name: placed(node, path, report)?, generic: false });
    }
    let section = Section::open(node, path, &["name", "generic"], report)?;
    let generic = section.read("generic", report, flag).unwrap_or(false);
    Some(Executable { name: section.need("name", report, placed)?, generic })
}

fn marker(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Placed<Marker>> {
    let section = Section::open(node, path, &["env", "value"], report)?;
    let value = section.read("value", report, any);
    Some(Placed::new(Marker { variable: section.need("env", report, text)?, value }, node, path))
}

fn pair(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Vec<Marker>> {
    let Value::List(items) = &node.value else {
        report.add(node.referenced, path, format!("found {}", node.value)).expected("a list of two markers");
        return None;
    };
    if items.len() != 2 {
        report.add(node.referenced, path, format!("found {} markers", items.len())).expected("two");
    }
    let read = |(place, item)| marker(item, &format!("{path}[{place}]"), report);
    Some(items.iter().enumerate().filter_map(read).map(|marker| marker.value).collect())
}

fn package(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let text = any(node, path, report)?;
    if Package::parse(&text).is_none() {
        let problem = report.add(node.referenced, path, format!("found {text:?}"));
        let kind = text.split(':').next().unwrap_or_default();
        problem
            .near(kind, PACKAGE_KINDS)
            .expected(format!("KIND:NAME, KIND one of {}", PACKAGE_KINDS.join(", ")));
    }
    Some(text)
}

fn option(text: &str) -> Flag {
    let (option, value) = text.split_once(' ').map_or((text, None), |(option, value)| (option, Some(value)));
    Flag { text: text.to_owned(), option: option.to_owned(), value: value.map(str::to_owned) }
}

/// People's shells have weak markers too, so they are kept for the reader of the file alone. One that is listed both as
/// evidence and as none is a mistake.
fn check_weak(section: &Section<'_>, strong: &[Placed<Marker>], report: &mut Report<'_>) {
    for weak in section.items("weak_markers", report, marker) {
        let same = strong.iter().any(|strong| {
            strong.value.variable == weak.value.variable && strong.value.value == weak.value.value
        });
        if same {
            let message = format!("{} is a session marker as well", weak.value.variable);
            report.add(weak.at, weak.field, message).hint("keep it in one of the two lists");
        }
    }
}

/// Names that variables give agents, lower case, with the agent's index. No two agents have the same, nor a program that is
/// enough.
fn unique_names(agents: &[Written], report: &mut Report<'_>) -> HashMap<String, usize> {
    let mut programs: HashMap<&str, &Placed> = HashMap::new();
    let mut named: HashMap<String, (usize, &Placed)> = HashMap::new();
    for (index, agent) in agents.iter().enumerate() {
        for program in &agent.distinctive {
            if let Some(first) = programs.insert(&program.value, program) {
                let message = format!("{:?} is also in line {}", program.value, first.at.line());
                report
                    .add(program.at, &program.field, message)
                    .hint("mark it `generic: true` in one of the two");
            }
        }
        for name in &agent.names {
            if let Some((_, first)) = named.insert(name.value.to_lowercase(), (index, name)) {
                note_twice(name, first, report);
            }
        }
    }
    named.into_iter().map(|(name, (index, _))| (name, index)).collect()
}
