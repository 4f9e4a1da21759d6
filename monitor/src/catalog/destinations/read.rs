//! From the catalogue's text to the lookups.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Destinations, Listed, Provider};
use crate::{
    catalog::{CatalogProblem, Reader},
    facts::DestinationClass,
};

const FILE: &str = "destinations.yaml";

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
    class: DestinationClass,
    #[serde(default)]
    hosts: Vec<String>,
    /// The provider's login and web pages.
    #[serde(default)]
    auth: Vec<String>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    ports: Vec<u16>,
    #[serde(default)]
    destructive: Vec<String>,
    source: String,
}

pub fn read(text: &str) -> Result<Destinations, Vec<CatalogProblem>> {
    let mut reader = Reader::new(FILE);
    let Some(document) = reader.document::<Document>(text) else { return reader.failed() };
    reader.version(document.version);
    let raw = reader.entries::<RawEntry>(document.entries);
    let mut seen = HashSet::new();
    for (line, entry) in &raw {
        reader.identity(*line, &entry.id, &entry.source, &mut seen);
    }
    let mut tables = Tables::default();
    for (provider, (line, entry)) in raw.iter().enumerate() {
        tables.add(&mut reader, *line, provider, entry);
    }
    tables.patterns.sort_by_key(|(_, listed)| listed.class != DestinationClass::Model);
    let patterns = reader.globs(0, tables.patterns.iter().map(|(name, _)| name.replace('.', "/")));
    let pattern_targets = tables.patterns.into_iter().map(|(_, listed)| listed).collect();
    let providers =
        raw.into_iter().map(|(_, entry)| Provider { id: entry.id, destructive: entry.destructive }).collect();
    reader.finish(Destinations {
        providers,
        exact: tables.exact,
        patterns,
        pattern_targets,
        suffixes: tables.suffixes,
        addresses: tables.addresses,
        ports: tables.ports,
        packages: HashMap::new(),
    })
}

#[derive(Default)]
struct Tables {
    exact: HashMap<String, Listed>,
    patterns: Vec<(String, Listed)>,
    suffixes: HashMap<String, Listed>,
    addresses: HashMap<IpAddr, Listed>,
    ports: HashMap<u16, Listed>,
    names: HashSet<String>,
}

impl Tables {
    fn add(&mut self, reader: &mut Reader, line: u64, provider: usize, entry: &RawEntry) {
        for host in &entry.hosts {
            self.host(reader, line, host, Listed { class: entry.class, provider });
        }
        for host in &entry.auth {
            self.host(reader, line, host, Listed { class: DestinationClass::Unknown, provider });
        }
        let listed = Listed { class: entry.class, provider };
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
        if entry.hosts.is_empty() && entry.addresses.is_empty() && entry.ports.is_empty() {
            reader.problem(line, format!("entry `{}` lists no host, address or port", entry.id));
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
            _ if host.contains('*') => self.patterns.push((host.to_owned(), listed)),
            _ => drop(self.exact.insert(host.to_owned(), listed)),
        }
    }
}
