//! Coding agents: their programs, the marks they leave in their children's environment, and what they read for
//! themselves. How the marks are weighed is in [`crate::recognition::detection`].

pub(super) mod read;

use std::collections::{HashMap, HashSet};

use globset::GlobSet;

use super::{
    command::Programs,
    digest::Digest,
    path::{basename, tilde},
    pattern::wildcard,
    program::names,
};

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "agents.yaml";

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

impl Agents {
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
}

#[cfg(test)]
mod tests;
