//! Services that start processes for others: what they start is no descendant of who asked.
//!
//! A service is recognised by its socket ([`Services::socket`]), by a command that asks it ([`Services::command`]) or by a file that
//! it runs later ([`Services::file`]).

mod by_path;
mod files;
mod mounts;
mod socket_name;

use std::collections::HashMap;

pub use self::socket_name::SocketName;
use self::{by_path::ByPath, files::Files, mounts::Mounts, socket_name::kernel_name};
use crate::{
    catalog::{
        command::{CommandPattern, Invocation, ValueOptions},
        fields::{Placed, commands, note_twice, path_pattern, texts, written},
        path::normalise,
        reading::Entry,
    },
    facts::DelegateHow,
    yaml::Report,
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

    /// Reads the services' entries.
    pub fn read(entries: &[Entry<'_>], report: &mut Report<'_>) -> Self {
        let mut patterns = Patterns::default();
        let (mut services, mut files) = (Vec::with_capacity(entries.len()), Vec::new());
        for (index, entry) in (0_u32..).zip(entries) {
            let section = &entry.section;
            if ["sockets", "commands", "files"].into_iter().all(|way| section.is_empty(way)) {
                let problem = report.add(section.at(), section.path(), "a service that cannot be asked");
                problem.expected("sockets, commands or files");
            }
            files.extend(written(section, "files", report).into_iter().map(|file| (index, file)));
            for socket in written(section, "sockets", report) {
                patterns.add(index, &socket, report);
            }
            services.push(Service {
                commands: commands(section, "commands", report),
                values: texts(section, "values", report).into_iter().collect(),
                mounts: section.read("mounts", report, Mounts::read).unwrap_or_default(),
                id: entry.id.value.clone(),
            });
        }
        let sockets = ByPath::read(&patterns.texts, patterns.targets, report);
        let files = Files::read(files, report);
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
    texts: Vec<Placed>,
    targets: Vec<u32>,
    names: Vec<SocketName>,
    /// By pattern or name; a socket of two services would be one's by accident.
    first: HashMap<String, Placed>,
}

impl Patterns {
    fn add(&mut self, service: u32, socket: &Placed, report: &mut Report<'_>) {
        let Some(texts) = path_pattern(socket, &["/", "~/", "**/", "@"], report) else { return };
        for text in texts {
            if canonical(&text.value) != text.value {
                let problem = report.add(text.at, &text.field, format!("found {:?}", text.value));
                problem.expected("/run/…").hint("/var/run is a link to it");
            }
            match self.first.get(&text.value) {
                Some(first) => note_twice(&text, first, report),
                None => drop(self.first.insert(text.value.clone(), text.clone())),
            }
            if let Some(name) = kernel_name(&text.value, service)
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
