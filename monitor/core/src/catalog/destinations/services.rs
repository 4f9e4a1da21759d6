//! Services that start processes for others: what they start is no descendant of who asked.
//!
//! A service is recognised by its socket ([`Services::socket`]), by a command that asks it ([`Services::command`]) or by a file that
//! it runs later ([`Services::file`]).

mod by_path;
mod files;
mod mounts;
mod socket_name;

use std::collections::HashMap;

use self::{by_path::ByPath, files::Files, mounts::Mounts, socket_name::kernel_name};
pub use self::{mounts::RawMounts, socket_name::SocketName};
use crate::{
    catalog::{
        command::{CommandPattern, Invocation, ValueOptions},
        path::normalise,
        pattern::expand_braces,
        reader::Reader,
    },
    facts::DelegateHow,
};

/// The services of the catalogue, in the file's order.
#[derive(Debug)]
pub struct Services {
    services: Vec<Service>,
    sockets: ByPath,
    names: Vec<SocketName>,
    files: Files,
}

#[derive(Debug)]
struct Service {
    id: String,
    commands: Vec<CommandPattern>,
    values: ValueOptions,
    mounts: Mounts,
}

/// A service's part of an entry.
pub struct RawService {
    pub line: u64,
    pub id: String,
    pub sockets: Vec<String>,
    pub files: Vec<String>,
    pub commands: Vec<String>,
    pub values: Vec<String>,
    pub mounts: Option<RawMounts>,
}

impl Services {
    /// How a service of the catalogue can be asked; `None` where it is not known.
    #[must_use]
    pub fn ways(&self, id: &str) -> Option<Vec<DelegateHow>> {
        let place = self.services.iter().position(|service| service.id == id)?;
        let service = self.services.get(place)?;
        let ways = [
            (self.sockets.has(place), DelegateHow::Socket),
            (!service.commands.is_empty(), DelegateHow::Command),
            (self.files.paths.has(place), DelegateHow::File),
        ];
        Some(ways.into_iter().filter(|(is, _)| *is).map(|(_, how)| how).collect())
    }

    pub fn read(reader: &mut Reader, raw: Vec<RawService>) -> Self {
        let mut patterns = Patterns::default();
        let (mut services, mut files) = (Vec::with_capacity(raw.len()), Vec::new());
        for (index, entry) in (0_u32..).zip(raw) {
            if entry.sockets.is_empty() && entry.commands.is_empty() && entry.files.is_empty() {
                reader.problem(
                    entry.line,
                    format!("service `{}` has no sockets, commands or files; list one", entry.id),
                );
            }
            files.extend(entry.files.iter().map(|file| (entry.line, index, file.clone())));
            for socket in &entry.sockets {
                patterns.add(reader, entry.line, index, socket);
            }
            services.push(Service {
                commands: reader.commands(entry.line, &entry.commands),
                values: entry.values.into_iter().collect(),
                mounts: entry
                    .mounts
                    .map(|mounts| Mounts::read(reader, entry.line, mounts))
                    .unwrap_or_default(),
                id: entry.id,
            });
        }
        let sockets = ByPath::read(reader, &patterns.texts, patterns.targets);
        let files = Files::read(reader, files);
        Self { services, sockets, names: patterns.names, files }
    }

    /// Id of the service that listens at `path`: absolute, or `@NAME` for a name of the abstract kind.
    #[must_use]
    pub fn socket(&self, path: &str) -> Option<&str> {
        let path = if path.starts_with('@') { path.to_owned() } else { canonical(&normalise(path)) };
        self.id(self.sockets.service(&path, None)?)
    }

    /// Id of the service that runs the file at an absolute path later.
    #[must_use]
    pub fn file(&self, path: &str, home: Option<&str>) -> Option<&str> {
        self.id(self.files.paths.service(&normalise(path), home)?)
    }

    /// Keys under which the kernel finds such files by their names.
    #[must_use]
    pub fn file_keys(&self) -> &[u64] {
        &self.files.keys
    }

    /// Id of the service that the command asks to start something.
    pub fn command(&self, invocation: Invocation<'_>) -> Option<&str> {
        let asks = |service: &&Service| {
            service.commands.iter().any(|command| command.matches(invocation, &service.values))
        };
        self.services.iter().find(asks).map(|service| service.id.as_str())
    }

    /// Files and directories of this machine that the command gives to what it starts, as it names them: absolute paths.
    pub fn mounted<'a>(&self, invocation: Invocation<'a>) -> Vec<&'a str> {
        self.services.iter().flat_map(|service| service.mounts.sources(invocation, &service.values)).collect()
    }

    /// Names of the sockets for the kernel, each once.
    ///
    /// A socket whose own name is a pattern (`/tmp/tmux-*/*`) has none and is known by its path only.
    #[must_use]
    pub fn names(&self) -> &[SocketName] {
        &self.names
    }

    /// Id of a service: `docker`.
    #[must_use]
    pub fn id(&self, service: u32) -> Option<&str> {
        self.services.get(usize::try_from(service).ok()?).map(|service| service.id.as_str())
    }

    /// Ids of all services, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| service.id.as_str())
    }
}

#[derive(Default)]
struct Patterns {
    texts: Vec<String>,
    targets: Vec<u32>,
    names: Vec<SocketName>,
    /// Pattern or name → service; a socket of two services would be one's by accident.
    owners: HashMap<String, u32>,
}

impl Patterns {
    fn add(&mut self, reader: &mut Reader, line: u64, service: u32, socket: &str) {
        if !["/", "~/", "**/", "@"].iter().any(|start| socket.starts_with(start)) {
            reader.problem(line, format!("socket `{socket}`: expected `/…`, `~/…`, `**/NAME` or `@NAME`"));
        }
        let Some(texts) = expand_braces(socket) else {
            return reader.problem(line, format!("socket `{socket}`: the braces do not match"));
        };
        for text in texts {
            if canonical(&text) != text {
                reader.problem(line, format!("socket `{text}`: write `/run/…`; `/var/run` is a link to it"));
            }
            if self.owners.insert(text.clone(), service).is_some() {
                reader.problem(line, format!("socket `{text}` is listed twice; keep it in one entry"));
            }
            if let Some(name) = kernel_name(&text, service)
                && !self.names.contains(&name)
            {
                self.names.push(name);
            }
            self.texts.push(text);
            self.targets.push(service);
        }
    }
}

/// The Filesystem Hierarchy Standard 3.0 makes `/var/run` a link to `/run`; programs use both.
fn canonical(path: &str) -> String {
    path.strip_prefix("/var/run/").map_or_else(|| path.to_owned(), |rest| format!("/run/{rest}"))
}

#[cfg(test)]
mod tests;
