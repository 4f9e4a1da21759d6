//! The endpoints of a catalogue while it is read: what is listed twice, or by two patterns of different classes, would be one
//! of them by accident.

use std::{collections::HashMap, net::IpAddr};

use globset::GlobSet;

use super::lookup::Listed;
use crate::{
    catalog::{
        fields::{Placed, address, globs, note_twice, written},
        pattern::wildcard,
    },
    facts::{DestinationClass, Role},
    words::Word as _,
    yaml::{Node, Report, Section, number},
};

/// What the entries list.
#[derive(Default)]
pub struct Tables {
    pub exact: HashMap<String, Listed>,
    pub patterns: Vec<(Placed, Listed)>,
    pub suffixes: HashMap<String, Listed>,
    pub addresses: HashMap<IpAddr, (Listed, Placed)>,
    pub ports: HashMap<u16, (Listed, Placed)>,
    names: HashMap<String, Placed>,
}

impl Tables {
    pub fn add(&mut self, entry: &Section<'_>, listed: Listed, report: &mut Report<'_>) {
        let (hosts, also) = (written(entry, "hosts", report), written(entry, "also_infra", report));
        for host in &hosts {
            let is_also = also.iter().any(|other| other.value == host.value);
            self.host(host, Listed { also: is_also.then_some(Role::Infra), ..listed }, report);
        }
        for host in also.iter().filter(|host| !hosts.iter().any(|other| other.value == host.value)) {
            let problem = report.add(host.at, &host.field, format!("found {:?}", host.value));
            problem.near(&host.value, hosts.iter().map(|host| host.value.as_str()));
            problem.expected("one of the entry's hosts");
        }
        if !also.is_empty() && listed.class != DestinationClass::Model {
            let message = format!("hosts of class {} can be stopped as they are", listed.class.word());
            entry.refuse("also_infra", report, &message, "it belongs to class: model; leave it out");
        }
        for host in written(entry, "auth", report) {
            self.host(&host, Listed { class: DestinationClass::Unknown, ..listed }, report);
        }
        let addresses = entry.items("addresses", report, address);
        let ports = entry.items("ports", report, port);
        if hosts.is_empty() && addresses.is_empty() && ports.is_empty() {
            let message = "an endpoint without a host, an address and a port";
            report.add(entry.at(), entry.path(), message).expected("hosts, addresses or ports");
        }
        for Placed { value, at, field } in addresses {
            let placed = Placed { value: value.to_string(), at, field };
            match self.addresses.get(&value) {
                Some((_, first)) => note_twice(&placed, first, report),
                None => drop(self.addresses.insert(value, (listed, placed))),
            }
        }
        for Placed { value, at, field } in ports {
            let placed = Placed { value: value.to_string(), at, field };
            match self.ports.get(&value) {
                Some((_, first)) => note_twice(&placed, first, report),
                None => drop(self.ports.insert(value, (listed, placed))),
            }
        }
    }

    fn host(&mut self, host: &Placed, listed: Listed, report: &mut Report<'_>) {
        let name = host.value.as_str();
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '*');
        if !name.contains('.') || !name.chars().all(known) || name.split('.').any(str::is_empty) {
            let problem = report.add(host.at, &host.field, format!("found {name:?}"));
            problem.expected("a lower-case name, such as api.example.com");
        }
        match self.names.get(name) {
            Some(first) => note_twice(host, first, report),
            None => drop(self.names.insert(name.to_owned(), host.clone())),
        }
        match name.strip_prefix("*.") {
            Some(suffix) if !suffix.contains('*') => drop(self.suffixes.insert(suffix.to_owned(), listed)),
            _ if name.contains('*') => self.patterns.push((host.clone(), listed)),
            _ => drop(self.exact.insert(name.to_owned(), listed)),
        }
    }

    /// Compiles the patterns, the models' first. A `*` stands within one label, as within one name of a path.
    pub fn pattern_globs(&mut self, report: &mut Report<'_>) -> GlobSet {
        self.patterns.sort_by_key(|(_, listed)| listed.class != DestinationClass::Model);
        let as_path =
            |(host, _): &(Placed, Listed)| Placed { value: host.value.replace('.', "/"), ..host.clone() };
        globs(&self.patterns.iter().map(as_path).collect::<Vec<_>>(), report)
    }

    /// Two patterns of different classes for one name: which of them counts would be an accident of their order. Models
    /// are carved out on purpose.
    pub fn check_contradictions(&self, report: &mut Report<'_>) {
        for (pattern, listed) in &self.patterns {
            let name = sample(&pattern.value);
            for (other, against) in self.patterns.iter().filter(|(other, _)| other.value != pattern.value) {
                let models = [listed.class, against.class].contains(&DestinationClass::Model);
                if listed.class != against.class && !models && covers(&other.value, &name) {
                    let message = format!(
                        "{:?} is also covered by {:?} in line {}, which has another class",
                        pattern.value,
                        other.value,
                        other.at.line()
                    );
                    report.add(pattern.at, &pattern.field, message).hint("narrow one of them");
                }
            }
        }
    }
}

fn port(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Placed<u16>> {
    let port = number::<1, 65_535>(node, path, report)?;
    Some(Placed::new(u16::try_from(port).ok()?, node, path))
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
