//! From the catalogue's text to the lookups.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    destructive::Destructive,
    lookup::{Destinations, Listed, Provider},
    services::{RawMounts, RawService, Services},
};
use crate::{
    catalog::{pattern::wildcard, problem::CatalogProblem, reader::Reader},
    facts::{DestinationClass, Role},
};

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "destinations.yaml";
const BUILTIN: &str = include_str!("../../../../../rules/catalog/destinations.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    entries: Vec<Spanned<serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    class: Class,
    /// What the entry is switched off with.
    #[serde(default)]
    pack: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    /// Those of the hosts that are a control plane as well, by the same name: a rule that says so may stop them.
    #[serde(default)]
    also_infra: Vec<String>,
    /// Of class unknown: one knows who is there all the same.
    #[serde(default)]
    known: bool,
    /// The provider's login and web pages.
    #[serde(default)]
    auth: Vec<String>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default)]
    destructive: Destructive,
    /// Of a service: paths of its sockets.
    #[serde(default)]
    sockets: Vec<String>,
    /// Of a service: paths of files that it runs or obeys later.
    #[serde(default)]
    files: Vec<String>,
    /// Of a service: commands that ask it to start something.
    #[serde(default)]
    commands: Vec<String>,
    /// Options of these commands that take the next argument as their value.
    #[serde(default)]
    values: Vec<String>,
    /// Of a service: how commands give files of this machine to what they start, `-v SOURCE:TARGET`.
    #[serde(default)]
    mounts: Option<RawMounts>,
    source: String,
}

/// What an entry describes: an endpoint, or a service of this machine.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Class {
    Infra,
    Model,
    Database,
    Metadata,
    Vcs,
    Unknown,
    Delegate,
}

impl Class {
    /// Of the endpoints that the entry lists; `None` for a service.
    fn endpoint(self) -> Option<DestinationClass> {
        match self {
            Self::Infra => Some(DestinationClass::Infra),
            Self::Model => Some(DestinationClass::Model),
            Self::Database => Some(DestinationClass::Database),
            Self::Metadata => Some(DestinationClass::Metadata),
            Self::Vcs => Some(DestinationClass::Vcs),
            Self::Unknown => Some(DestinationClass::Unknown),
            Self::Delegate => None,
        }
    }
}

impl RawEntry {
    fn has_endpoints(&self) -> bool {
        !(self.hosts.is_empty() && self.addresses.is_empty() && self.ports.is_empty())
    }

    fn is_service(&self) -> bool {
        !(self.sockets.is_empty()
            && self.files.is_empty()
            && self.commands.is_empty()
            && self.values.is_empty()
            && self.mounts.is_none())
    }
}

impl Destinations {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Destinations::parse`]; a test proves that the built-in text has no problems.
    pub fn builtin() -> Result<Self, Vec<CatalogProblem>> {
        Self::parse(BUILTIN)
    }

    /// Reads a catalogue in the format of `docs/catalogues.md`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<CatalogProblem>> {
        read(text)
    }
}

fn read(text: &str) -> Result<Destinations, Vec<CatalogProblem>> {
    let mut reader = Reader::new(FILE);
    let Some(document) = reader.document::<Document>(text) else { return reader.failed() };
    reader.version(document.version);
    let raw = reader.entries::<RawEntry>(document.entries);
    let mut seen = HashSet::new();
    for (line, entry) in &raw {
        reader.identity(*line, &entry.id, &entry.source, &mut seen);
    }
    let mut tables = Tables::default();
    let (mut providers, mut services) = (Vec::new(), Vec::new());
    for (line, entry) in raw {
        match entry.class.endpoint() {
            Some(class) => {
                entry.destructive.check(&mut reader, line);
                tables.add(
                    &mut reader,
                    line,
                    Listed { class, provider: providers.len(), also: None },
                    &entry,
                );
                check_pack(&mut reader, line, class, &entry);
                if entry.known && class != DestinationClass::Unknown {
                    let what = format!("entry `{}`: `known` is for class unknown; leave it out", entry.id);
                    reader.problem(line, what);
                }
                let RawEntry { id, pack, destructive, known, .. } = entry;
                let anybodys = class == DestinationClass::Unknown && !known;
                providers.push(Provider { id, pack, off: false, anybodys, destructive });
            }
            None => services.push(service(&mut reader, line, entry)),
        }
    }
    let services = Services::read(&mut reader, services);
    tables.contradictions(&mut reader);
    tables.patterns.sort_by_key(|(_, listed)| listed.class != DestinationClass::Model);
    let patterns = reader.globs(0, tables.patterns.iter().map(|(name, _)| name.replace('.', "/")));
    let (pattern_names, pattern_targets) = tables.patterns.into_iter().unzip();
    let digest = reader.digest(text);
    reader.finish(Destinations {
        providers,
        exact: tables.exact,
        patterns,
        pattern_targets,
        pattern_names,
        suffixes: tables.suffixes,
        addresses: tables.addresses,
        ports: tables.ports,
        packages: HashMap::new(),
        services,
        digest,
    })
}

/// Only what rules stop by its class gains from being switched off.
fn check_pack(reader: &mut Reader, line: u64, class: DestinationClass, entry: &RawEntry) {
    let Some(pack) = &entry.pack else { return };
    reader.pack(line, pack);
    let stopped = [DestinationClass::Infra, DestinationClass::Database, DestinationClass::Metadata];
    if !stopped.contains(&class) {
        let what = format!(
            "entry `{}`: a pack has endpoints of class infra, database and metadata; leave `pack` out",
            entry.id
        );
        reader.problem(line, what);
    }
}

fn service(reader: &mut Reader, line: u64, entry: RawEntry) -> RawService {
    if entry.has_endpoints()
        || entry.pack.is_some()
        || !entry.also_infra.is_empty()
        || entry.known
        || !entry.auth.is_empty()
        || !entry.destructive.is_empty()
    {
        let what = format!(
            "service `{}`: hosts, auth, addresses, ports, pack, known and destructive belong to an endpoint",
            entry.id
        );
        reader.problem(line, what);
    }
    let RawEntry { id, sockets, files, commands, values, mounts, .. } = entry;
    RawService { line, id, sockets, files, commands, values, mounts }
}

#[derive(Default)]
struct Tables {
    exact: HashMap<String, Listed>,
    patterns: Vec<(String, Listed)>,
    suffixes: HashMap<String, Listed>,
    addresses: HashMap<IpAddr, Listed>,
    ports: HashMap<u16, Listed>,
    names: HashSet<String>,
    /// Lines of `patterns`.
    lines: Vec<u64>,
}

impl Tables {
    fn add(&mut self, reader: &mut Reader, line: u64, listed: Listed, entry: &RawEntry) {
        for host in &entry.hosts {
            let also = entry.also_infra.contains(host).then_some(Role::Infra);
            self.host(reader, line, host, Listed { also, ..listed });
        }
        for host in entry.also_infra.iter().filter(|host| !entry.hosts.contains(host)) {
            reader.problem(line, format!("host `{host}` of also_infra is not one of the entry's `hosts`"));
        }
        if !entry.also_infra.is_empty() && listed.class != DestinationClass::Model {
            let what = format!(
                "entry `{}`: also_infra belongs to `class: model`; others can be stopped as they are",
                entry.id
            );
            reader.problem(line, what);
        }
        for host in &entry.auth {
            self.host(reader, line, host, Listed { class: DestinationClass::Unknown, ..listed });
        }
        for address in &entry.addresses {
            if self.addresses.insert(*address, listed).is_some() {
                reader.problem(line, format!("address {address} is listed twice; keep it in one entry"));
            }
        }
        for port in &entry.ports {
            if self.ports.insert(*port, listed).is_some() {
                reader.problem(line, format!("port {port} is listed twice; keep it in one entry"));
            }
        }
        if !entry.has_endpoints() {
            reader.problem(line, format!("entry `{}` lists no host, address or port", entry.id));
        }
        if entry.is_service() {
            let what = format!(
                "entry `{}`: sockets, files, commands, values and mounts belong to `class: delegate`",
                entry.id
            );
            reader.problem(line, what);
        }
    }

    fn host(&mut self, reader: &mut Reader, line: u64, host: &str, listed: Listed) {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '*');
        if !host.contains('.') || !host.chars().all(known) || host.split('.').any(str::is_empty) {
            reader.problem(
                line,
                format!("host `{host}`: expected a lower-case name such as `api.example.com`"),
            );
        }
        if !self.names.insert(host.to_owned()) {
            reader.problem(line, format!("host `{host}` is listed twice; keep it in one entry"));
        }
        match host.strip_prefix("*.") {
            Some(suffix) if !suffix.contains('*') => drop(self.suffixes.insert(suffix.to_owned(), listed)),
            _ if host.contains('*') => {
                self.patterns.push((host.to_owned(), listed));
                self.lines.push(line);
            }
            _ => drop(self.exact.insert(host.to_owned(), listed)),
        }
    }

    /// Two patterns of different classes for one name: which of them counts would be an accident of their order. Models
    /// are carved out on purpose.
    fn contradictions(&self, reader: &mut Reader) {
        for (at, (pattern, listed)) in self.patterns.iter().enumerate() {
            let name = sample(pattern);
            for (other, against) in self.patterns.iter().filter(|(other, _)| other != pattern) {
                let models = [listed.class, against.class].contains(&DestinationClass::Model);
                if listed.class != against.class && !models && covers(other, &name) {
                    let line = self.lines.get(at).copied().unwrap_or(0);
                    let what = format!(
                        "host `{pattern}` is also covered by `{other}`, which has another class; narrow one of them"
                    );
                    reader.problem(line, what);
                }
            }
        }
    }
}

/// A name that the pattern matches.
fn sample(pattern: &str) -> String {
    pattern.replace('*', "x")
}

/// `*` stands within one label.
fn covers(pattern: &str, name: &str) -> bool {
    let (mut labels, mut parts) = (pattern.split('.'), name.split('.'));
    loop {
        match (labels.next(), parts.next()) {
            (None, None) => return true,
            (Some(label), Some(part)) if wildcard(label, part) => {}
            _ => return false,
        }
    }
}
