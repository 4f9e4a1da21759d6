//! What the daemon knows beforehand: which programs are agents, which files are secrets, which endpoints are what, and
//! who starts processes for others.
//!
//! The knowledge is data (`rules/catalog/*.yaml`), built in and replaceable; `docs/catalogues.md` describes the formats.

pub mod agents;
mod command;
pub mod destinations;
pub mod packages;
mod path;
mod pattern;
mod reader;
pub mod secrets;

pub(crate) use self::path::basename;
use self::{
    agents::Agents,
    command::Invocation,
    destinations::{Destinations, SocketName},
    secrets::Secrets,
};

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

/// The three catalogues, and the questions that need more than one of them.
#[derive(Debug)]
pub struct Catalog {
    pub agents: Agents,
    pub secrets: Secrets,
    pub destinations: Destinations,
}

impl Catalog {
    /// The catalogues that are built in.
    ///
    /// # Errors
    /// Everything that is wrong with them; a test proves that there is nothing.
    pub fn builtin() -> Result<Self, Vec<CatalogProblem>> {
        Self::of(Agents::builtin(), Secrets::builtin(), Destinations::builtin())
    }

    fn of(
        agents: Result<Agents, Vec<CatalogProblem>>,
        secrets: Result<Secrets, Vec<CatalogProblem>>,
        destinations: Result<Destinations, Vec<CatalogProblem>>,
    ) -> Result<Self, Vec<CatalogProblem>> {
        match (agents, secrets, destinations) {
            (Ok(agents), Ok(secrets), Ok(destinations)) => Ok(Self { agents, secrets, destinations }),
            (agents, secrets, destinations) => {
                let problems = [agents.err(), secrets.err(), destinations.err()];
                Err(problems.into_iter().flatten().flatten().collect())
            }
        }
    }

    /// Id of the service that listens at `path` and starts processes for who connects: `docker`.
    ///
    /// `path` is absolute, or `@NAME` for a socket of the abstract kind.
    #[must_use]
    pub fn delegate_socket(&self, path: &str) -> Option<&str> {
        self.destinations.services().socket(path)
    }

    /// Id of the service that the command asks to start something: `docker run`, `systemd-run`, `crontab -`.
    ///
    /// `args` begin with the program's name. A script counts by its own name (`python3 /usr/bin/docker-compose`).
    #[must_use]
    pub fn delegate_command(&self, executable: &str, args: &[String]) -> Option<&str> {
        self.destinations.services().command(self.invocation(executable, args))
    }

    /// Names by which the kernel can find the services' sockets, each once.
    ///
    /// They are coarser than the paths: what the kernel found by name, [`Catalog::delegate_socket`] judges.
    #[must_use]
    pub fn delegate_socket_names(&self) -> &[SocketName] {
        self.destinations.services().names()
    }

    /// Id of the service that a [`SocketName`] stands for.
    #[must_use]
    pub fn service(&self, index: u32) -> Option<&str> {
        self.destinations.services().id(index)
    }

    fn invocation<'a>(&self, executable: &'a str, args: &'a [String]) -> Invocation<'a> {
        Invocation::new(executable, args, self.secrets.interpreters())
    }
}
