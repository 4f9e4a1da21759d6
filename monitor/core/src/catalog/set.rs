//! The catalogues, and the questions that need more than one of them.

use std::{collections::BTreeSet, panic::resume_unwind, thread};

use super::{
    agents::{self, Agents},
    command::Invocation,
    destinations::{self, Destinations, SocketName},
    digest::{self, Change, Digest},
    document::Documents,
    secrets::{self, Judged, SearchCommand, Secrets, StatedFor},
    workspaces::{self, Workspaces},
};
use crate::problem::Problems;

/// The catalogues, and the questions that need more than one of them.
#[derive(Debug)]
pub struct Catalog {
    pub agents: Agents,
    pub secrets: Secrets,
    pub destinations: Destinations,
    pub workspaces: Workspaces,
}

impl Catalog {
    /// The catalogues that are built in.
    ///
    /// # Errors
    /// Everything that is wrong with them; a test proves that there is nothing.
    pub fn builtin() -> Result<Self, Problems> {
        Self::read(&Documents::default())
    }

    /// The catalogues that the documents hold, read side by side, because each spends milliseconds on compiling its
    /// patterns.
    ///
    /// # Errors
    /// Everything that is wrong with any of them. Nothing is used of the others then.
    pub fn read(documents: &Documents) -> Result<Self, Problems> {
        let agents = || documents.agents.read(agents::read::SHIPPED, agents::read::read);
        let destinations = || documents.destinations.read(destinations::SHIPPED, destinations::read);
        let (agents, secrets, destinations) = thread::scope(|scope| {
            let others = scope.spawn(|| (agents(), destinations()));
            let secrets = documents.secrets.read(secrets::SHIPPED, secrets::read);
            let (agents, destinations) = others.join().unwrap_or_else(|panic| resume_unwind(panic));
            (agents, secrets, destinations)
        });
        let workspaces = documents.workspaces.read(workspaces::read::SHIPPED, workspaces::read::read);
        match (agents, secrets, destinations, workspaces) {
            (Ok(agents), Ok(secrets), Ok(destinations), Ok(workspaces)) => {
                let catalog = Self { agents, secrets, destinations, workspaces };
                catalog.for_nothing().or(catalog)
            }
            (agents, secrets, destinations, workspaces) => {
                let problems = [agents.err(), secrets.err(), destinations.err(), workspaces.err()];
                Err(problems.into_iter().flatten().flatten().collect())
            }
        }
    }

    /// Credentials that are stated to be for what the destinations don't know: such a name would never match.
    pub(super) fn for_nothing(&self) -> Problems {
        let known: BTreeSet<&str> = self.destinations.packs().chain(self.destinations.providers()).collect();
        let unknown = self.secrets.stated_to_be_for().filter(|stated| !known.contains(stated.name.as_str()));
        let problem = |stated: &StatedFor| {
            let mut problem = stated.place.clone();
            problem.message = format!("destinations.yaml has no pack and no endpoint {:?}", stated.name);
            problem.near(&stated.name, known.iter().copied());
            problem.expected("a pack or the id of an endpoint");
            problem
        };
        unknown.map(problem).collect()
    }

    /// What is different in `newer`, in the order of the files; empty where both say the same.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let files = [agents::FILE, secrets::FILE, destinations::FILE, workspaces::FILE];
        let pairs = self.digests().into_iter().zip(newer.digests());
        files.into_iter().zip(pairs).flat_map(|(file, (old, new))| old.changes(file, new)).collect()
    }

    /// SHA-256 over the files' text, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        digest::together(&self.digests())
    }

    fn digests(&self) -> [&Digest; 4] {
        [&self.agents.digest, &self.secrets.digest, &self.destinations.digest, &self.workspaces.digest]
    }

    /// Id of the service that listens at `path` and starts processes for who connects: `docker`.
    ///
    /// `path` is absolute, or `@NAME` for a socket of the abstract kind.
    #[must_use]
    pub fn delegate_socket(&self, path: &str) -> Option<&str> {
        self.destinations.services().socket(path)
    }

    /// Id of the service that runs the file at an absolute path later, or obeys it: `shell-start`.
    #[must_use]
    pub fn delegate_file(&self, path: &str, home: Option<&str>) -> Option<&str> {
        self.destinations.services().file(path, home)
    }

    /// Id of the service that the command asks to start something: `docker run`, `systemd-run`, `crontab -`.
    ///
    /// `args` begin with the program's name. A script counts by its own name (`python3 /usr/bin/docker-compose`).
    #[must_use]
    pub fn delegate_command(&self, executable: &str, args: &[String]) -> Option<&str> {
        self.destinations.services().command(self.invocation(executable, args))
    }

    /// Files and directories that a command of a service gives to what it has started.
    ///
    /// `args` begin with the program's name.
    #[must_use]
    pub fn mounted<'a>(&self, executable: &'a str, args: &'a [String]) -> Vec<&'a str> {
        self.destinations.services().mounted(self.invocation(executable, args))
    }

    /// Names by which the kernel can find the services' sockets, each once.
    ///
    /// They are coarser than the paths: what the kernel found by name, [`Catalog::delegate_socket`] judges.
    #[must_use]
    pub fn delegate_socket_names(&self) -> &[SocketName] {
        self.destinations.services().names()
    }

    /// The same for files that services run later: keys of the kernel's name table, see [`monitor_common::hash`].
    #[must_use]
    pub fn delegate_file_keys(&self) -> &[u64] {
        self.destinations.services().file_keys()
    }

    /// Id of the service that a [`SocketName`] stands for.
    #[must_use]
    pub fn service(&self, index: u32) -> Option<&str> {
        self.destinations.services().id(index)
    }

    /// The store whose content the command prints, with its class and grade: `gh auth token`, `op read`.
    #[must_use]
    pub fn credential_command(&self, executable: &str, args: &[String]) -> Option<Judged<'_>> {
        self.secrets.printed_by(self.invocation(executable, args))
    }

    /// The way in which the command searches, if it does, and whether it looks for credentials: `rg -i api_key`.
    #[must_use]
    pub fn search_command(&self, executable: &str, args: &[String]) -> Option<SearchCommand<'_>> {
        self.secrets.search(self.invocation(executable, args))
    }

    fn invocation<'a>(&self, executable: &'a str, args: &'a [String]) -> Invocation<'a> {
        Invocation::new(executable, args, self.secrets.wrappers())
    }
}
