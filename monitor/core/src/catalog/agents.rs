//! Coding agents: their programs, the marks they leave in their children's environment, and what they read for
//! themselves. How the marks are weighed is in [`crate::recognition::detection`].

use std::collections::{HashMap, HashSet};

use globset::GlobSet;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    CatalogProblem,
    command::Programs,
    digest::Digest,
    path::{basename, tilde},
    pattern::wildcard,
    program::{PACKAGE_KINDS, Package, names},
    reader::Reader,
};

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "agents.yaml";
const BUILTIN: &str = include_str!("../../../../rules/catalog/agents.yaml");

/// Id of an agent that names itself, but is not in the catalogue.
pub const UNKNOWN: &str = "unknown";
/// What `interlock run` started.
pub const COMMAND: &str = "command";

/// The catalogue of agents.
#[derive(Debug)]
pub struct Agents {
    /// In the file's order: of two agents whose marks are present, the first counts.
    pub(crate) entries: Vec<Agent>,
    pub(crate) interpreters: GlobSet,
    /// Variables whose value is an agent's name.
    pub(crate) name_variables: Vec<String>,
    pub(crate) name_ignored: HashSet<String>,
    /// Programs that pass on what people set: never a session for what their children carry.
    bystanders: Programs,
    /// Base names of all agents' programs, and their titles.
    programs: HashSet<String>,
    /// Names in such variables, lower case → index of the entry.
    pub(crate) named: HashMap<String, usize>,
    pub(super) digest: Digest,
}

#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) name: String,
    /// An editor: never a session itself, only its children with a session marker.
    pub(crate) host: bool,
    /// Base names that are enough.
    pub(crate) executables: HashSet<String>,
    /// Base names that other programs have too: a place, a script or a marker must join them.
    pub(crate) generic: HashSet<String>,
    /// What its process calls itself where its arguments were.
    pub(crate) titles: HashSet<String>,
    /// Packages that it is installed as: `npm:@openai/codex`.
    pub(crate) packages: HashSet<String>,
    /// Base names of scripts that are enough when an interpreter runs them.
    pub(crate) scripts: HashSet<String>,
    /// Globs on the program's absolute path.
    pub(crate) paths: GlobSet,
    /// Globs on an interpreter's script, or `-m MODULE`.
    pub(crate) argv: GlobSet,
    /// Any of these is enough; each is a set of conditions that must all hold.
    pub(crate) markers: Vec<Vec<Marker>>,
    pub(crate) approval_off: Vec<Flag>,
    pub(crate) approval_off_env: Vec<Marker>,
    own_secrets: GlobSet,
    /// Command lines that the agent runs for itself, with a `*` for any text.
    own_commands: Vec<String>,
    /// Arguments of its programs that serve several clients and outlive them, with a `*` for any text.
    daemons: Vec<String>,
    /// Sockets of services that serve nobody but the agent.
    own_sockets: GlobSet,
}

/// A variable that is set, and to what.
#[derive(Debug)]
pub(crate) struct Marker {
    pub(crate) variable: String,
    /// With a `*` for any text.
    value: Option<String>,
}

impl Marker {
    /// A variable that is empty or switched off marks nothing.
    pub(crate) fn holds(&self, value: &str) -> bool {
        match &self.value {
            Some(expected) => wildcard(expected, value),
            None => !["", "0", "false"].contains(&value),
        }
    }
}

/// An option, with its value where it has one: `--permission-mode bypassPermissions`, joined by `=` or not.
#[derive(Debug)]
pub(crate) struct Flag {
    /// As the catalogue writes it.
    text: String,
    option: String,
    value: Option<String>,
}

impl Flag {
    pub(crate) fn given(&self, args: &[String]) -> bool {
        let Some(value) = &self.value else {
            return args.iter().any(|arg| {
                arg.strip_prefix(&self.option).is_some_and(|rest| ["", "=true", "=1"].contains(&rest))
            });
        };
        let joined = |arg: &String| {
            arg.strip_prefix(&self.option).and_then(|rest| rest.strip_prefix('=')) == Some(value)
        };
        args.iter().any(joined)
            || args.windows(2).any(|pair| matches!(pair, [a, b] if *a == self.option && b == value))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    interpreters: Vec<String>,
    #[serde(default)]
    name_variables: Vec<String>,
    #[serde(default)]
    name_ignored: HashSet<String>,
    #[serde(default)]
    bystanders: Vec<String>,
    entries: Vec<Spanned<serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    id: String,
    name: String,
    #[serde(default)]
    host: bool,
    executables: Vec<RawExecutable>,
    #[serde(default)]
    scripts: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    session_markers: Vec<RawMarker>,
    #[serde(default)]
    marker_pairs: Vec<[RawMarker; 2]>,
    /// Kept for the reader of the file: people's shells have these too, so they are never evidence.
    #[serde(default)]
    weak_markers: Vec<RawMarker>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    approval_off: Vec<String>,
    #[serde(default)]
    approval_off_env: Vec<RawMarker>,
    #[serde(default)]
    own_secrets: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    own_commands: Vec<String>,
    #[serde(default)]
    daemons: Vec<String>,
    #[serde(default)]
    own_sockets: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawExecutable {
    Telling(String),
    Other(OtherExecutable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherExecutable {
    name: String,
    /// The name is too common to be enough: a path, a script or a marker must join it.
    #[serde(default)]
    generic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMarker {
    env: String,
    value: Option<String>,
}

impl Agents {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Agents::parse`]; a test proves that the built-in text has no problems.
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
        let raw = reader.entries::<RawAgent>(document.entries);
        let mut seen = HashSet::new();
        let mut executables = HashMap::new();
        let mut named = HashMap::new();
        for (index, (line, agent)) in raw.iter().enumerate() {
            reader.identity(*line, &agent.id, &agent.source, &mut seen);
            for executable in agent.executables.iter().filter_map(RawExecutable::distinctive) {
                if let Some(other) = executables.insert(executable, &agent.id) {
                    let what = format!(
                        "executable `{executable}` is also of `{other}`; mark it `generic: true` in one"
                    );
                    reader.problem(*line, what);
                }
            }
            for name in &agent.names {
                if named.insert(name.to_lowercase(), index).is_some() {
                    reader.problem(*line, format!("name `{name}` is used by two agents; keep it in one"));
                }
            }
            weak_is_not_strong(&mut reader, *line, agent);
            for package in agent.packages.iter().filter(|package| Package::parse(package).is_none()) {
                let kinds = PACKAGE_KINDS.join("`, `");
                reader.problem(
                    *line,
                    format!("package `{package}`: expected KIND:NAME, KIND one of `{kinds}`"),
                );
            }
        }
        let interpreters = reader.globs(0, &document.interpreters);
        let entries: Vec<Agent> =
            raw.into_iter().map(|(line, raw)| Agent::read(&mut reader, line, raw)).collect();
        let programs = entries.iter().flat_map(Agent::programs).cloned().collect();
        let (name_variables, name_ignored) = (document.name_variables, document.name_ignored);
        let bystanders = Programs::new(document.bystanders);
        let digest = reader.digest(text);
        reader.finish(Self {
            entries,
            interpreters,
            name_variables,
            name_ignored,
            bystanders,
            programs,
            named,
            digest,
        })
    }

    /// Display name of an agent: `Claude Code`.
    #[must_use]
    pub fn name(&self, id: &str) -> Option<&str> {
        self.entry(id).map(|agent| agent.name.as_str())
    }

    /// Whether the agent reads the file for itself: its own login, or an `.env` it loads at its start.
    ///
    /// This excuses the agent's own processes, never the tools that it starts.
    #[must_use]
    pub fn reads_for_itself(&self, id: &str, path: &str, home: Option<&str>) -> bool {
        self.entry(id).is_some_and(|agent| {
            agent.own_secrets.is_match(path)
                || tilde(path, home).is_some_and(|path| agent.own_secrets.is_match(path))
        })
    }

    /// What told the agent to ask nobody, as people would write it: `--yolo`, `--permission-mode bypassPermissions`,
    /// `GOOSE_MODE`. `None` where nothing did, and for an agent that is not known.
    ///
    /// `args` begin with the program's name. They have to be the agent's own: a child's `--force` says nothing.
    #[must_use]
    pub fn approval_off(&self, id: &str, args: &[String], env: &[(String, String)]) -> Option<&str> {
        self.entry(id)?.approval_off(args, env)
    }

    /// Whether the agent runs this command line for itself, before it runs any for a model: its snapshot of the shell.
    #[must_use]
    pub fn runs_for_itself(&self, id: &str, args: &[String]) -> bool {
        let line = args.join(" ");
        self.entry(id).is_some_and(|agent| agent.own_commands.iter().any(|own| wildcard(own, &line)))
    }

    /// Whether the agent's program is started as one that serves several of its clients; `args` begin with the program's
    /// name.
    #[must_use]
    pub fn is_daemon(&self, id: &str, args: &[String]) -> bool {
        let line = args.get(1..).unwrap_or_default().join(" ");
        self.entry(id).is_some_and(|agent| agent.daemons.iter().any(|daemon| wildcard(daemon, &line)))
    }

    /// Whether the agent has programs that serve several of its clients.
    #[must_use]
    pub fn has_daemons(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|agent| !agent.daemons.is_empty())
    }

    /// Whether the service at this socket serves nobody but the agent.
    #[must_use]
    pub fn owns_socket(&self, id: &str, path: &str) -> bool {
        self.entry(id).is_some_and(|agent| agent.own_sockets.is_match(path))
    }

    /// Whether the base name is one of any agent's programs', a distinctive one or not.
    pub(crate) fn has_program(&self, base: &str) -> bool {
        names(base).any(|name| self.programs.contains(name))
    }

    /// Whether a program only passes on what people set, so that it is no session for what its children carry: a shell, a
    /// terminal, a login.
    #[must_use]
    pub fn is_bystander(&self, executable: &str) -> bool {
        self.bystanders.contains(basename(executable))
    }

    /// Ids of all agents, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|agent| agent.id.as_str())
    }

    fn entry(&self, id: &str) -> Option<&Agent> {
        self.entries.iter().find(|agent| agent.id == id)
    }
}

impl RawExecutable {
    fn distinctive(&self) -> Option<&str> {
        match self {
            Self::Telling(name) => Some(name),
            Self::Other(other) => (!other.generic).then_some(&other.name),
        }
    }

    fn generic(&self) -> Option<&str> {
        match self {
            Self::Telling(_) => None,
            Self::Other(other) => other.generic.then_some(&other.name),
        }
    }
}

impl Agent {
    /// Whether the base name is one of its programs', a distinctive one or not.
    pub(crate) fn has_program(&self, base: &str) -> bool {
        names(base).any(|name| self.programs().any(|known| known == name))
    }

    fn programs(&self) -> impl Iterator<Item = &String> {
        [&self.executables, &self.generic, &self.scripts, &self.titles].into_iter().flatten()
    }

    pub(crate) fn approval_off(&self, args: &[String], env: &[(String, String)]) -> Option<&str> {
        let flag = self.approval_off.iter().find(|flag| flag.given(args)).map(|flag| flag.text.as_str());
        let set =
            |mark: &&Marker| env.iter().any(|(name, value)| *name == mark.variable && mark.holds(value));
        flag.or_else(|| self.approval_off_env.iter().find(set).map(|mark| mark.variable.as_str()))
    }

    fn read(reader: &mut Reader, line: u64, raw: RawAgent) -> Self {
        let executables: HashSet<String> =
            raw.executables.iter().filter_map(RawExecutable::distinctive).map(str::to_owned).collect();
        let mut markers: Vec<Vec<Marker>> =
            raw.session_markers.into_iter().map(|marker| vec![Marker::from(marker)]).collect();
        for pair in raw.marker_pairs {
            markers.push(pair.into_iter().map(Marker::from).collect());
        }
        Self {
            id: raw.id,
            name: raw.name,
            host: raw.host,
            scripts: raw.scripts.into_iter().chain(executables.iter().cloned()).collect(),
            executables,
            generic: raw.executables.iter().filter_map(RawExecutable::generic).map(str::to_owned).collect(),
            packages: raw.packages.into_iter().collect(),
            titles: raw.titles.into_iter().collect(),
            paths: reader.globs(line, &raw.paths),
            argv: reader.globs(line, &raw.argv),
            markers,
            approval_off: raw.approval_off.iter().map(|flag| Flag::read(flag)).collect(),
            approval_off_env: raw.approval_off_env.into_iter().map(Marker::from).collect(),
            own_secrets: reader.globs(line, &raw.own_secrets),
            own_commands: raw.own_commands,
            daemons: raw.daemons,
            own_sockets: reader.globs(line, &raw.own_sockets),
        }
    }
}

impl From<RawMarker> for Marker {
    fn from(raw: RawMarker) -> Self {
        Self { variable: raw.env, value: raw.value }
    }
}

impl Flag {
    fn read(text: &str) -> Self {
        let (option, value) =
            text.split_once(' ').map_or((text, None), |(option, value)| (option, Some(value)));
        Self { text: text.to_owned(), option: option.to_owned(), value: value.map(str::to_owned) }
    }
}

/// A marker that is listed both as evidence and as none is a mistake.
fn weak_is_not_strong(reader: &mut Reader, line: u64, agent: &RawAgent) {
    for weak in &agent.weak_markers {
        if agent.session_markers.iter().any(|strong| strong.env == weak.env && strong.value == weak.value) {
            let what = format!(
                "agent `{}`: `{}` is both a session marker and a weak one; keep one",
                agent.id, weak.env
            );
            reader.problem(line, what);
        }
    }
}

#[cfg(test)]
mod tests;
