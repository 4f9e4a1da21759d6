//! Finds the rules that could match a fact, so that cost grows with those and not with the set.
//!
//! A rule is filed once under its narrowest condition that can be looked up: for connections the host, else the class;
//! for secrets the entry, else the class; for programs the plain file name. What has none of these is always looked at.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use super::{
    model::{Rule, SecretMatch},
    pattern::{HostPattern, normal},
};
use crate::facts::{Destination, DestinationClass, Fact, Kind, SecretAccess, Subject};

/// Positions in the set's list of rules.
type Filed = Vec<u32>;

#[derive(Debug, Default)]
pub struct Index {
    open: Secrets,
    probe: Secrets,
    connect: Destinations,
    exec: Programs,
    environ: Filed,
    inspect: Filed,
    delegate: Filed,
    link: Secrets,
    lifecycle: Filed,
}

#[derive(Debug, Default)]
struct Secrets {
    entry: HashMap<String, Filed>,
    class: HashMap<String, Filed>,
    rest: Filed,
}

#[derive(Debug, Default)]
struct Destinations {
    host: HashMap<String, Filed>,
    /// `railway.app` for the pattern `*.railway.app`.
    parent: HashMap<String, Filed>,
    address: HashMap<IpAddr, Filed>,
    class: HashMap<DestinationClass, Filed>,
    rest: Filed,
}

#[derive(Debug, Default)]
struct Programs {
    name: HashMap<String, Filed>,
    rest: Filed,
}

impl Index {
    /// Files every enabled rule.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut index = Self::default();
        for (place, rule) in (0..).zip(rules).filter(|(_, rule)| rule.enabled) {
            match rule.on {
                Kind::Open => index.open.file(rule, place),
                Kind::Probe => index.probe.file(rule, place),
                Kind::Connect => index.connect.file(rule, place),
                Kind::Exec => index.exec.file(rule, place),
                Kind::Environ => index.environ.push(place),
                Kind::Inspect => index.inspect.push(place),
                Kind::Delegate => index.delegate.push(place),
                Kind::Link => index.link.file(rule, place),
                Kind::Lifecycle => index.lifecycle.push(place),
            }
        }
        index
    }

    /// Puts the rules that could match into `found`, each once, in the order of the set.
    pub fn candidates(&self, fact: &Fact, found: &mut Vec<u32>) {
        found.clear();
        match &fact.subject {
            Subject::Open(secret) => self.open.find(secret, found),
            Subject::Probe(secret) => self.probe.find(secret, found),
            Subject::Connect(destination) => self.connect.find(destination, found),
            Subject::Exec => self.exec.find(fact.process.name(), found),
            Subject::Environ(_) => found.extend_from_slice(&self.environ),
            Subject::Inspect(_) => found.extend_from_slice(&self.inspect),
            Subject::Delegate(_) => found.extend_from_slice(&self.delegate),
            Subject::Link(relink) => self.link.find(&relink.secret, found),
            Subject::Lifecycle(_) => found.extend_from_slice(&self.lifecycle),
        }
        found.sort_unstable();
        found.dedup();
    }
}

impl Secrets {
    fn file(&mut self, rule: &Rule, place: u32) {
        match &rule.conditions.secret {
            Some(SecretMatch { entry, .. }) if !entry.is_empty() => file_all(&mut self.entry, entry, place),
            Some(SecretMatch { class, .. }) if !class.is_empty() => file_all(&mut self.class, class, place),
            _ => self.rest.push(place),
        }
    }

    fn find(&self, secret: &SecretAccess, found: &mut Filed) {
        found.extend_from_slice(&self.rest);
        found.extend(self.entry.get(&secret.entry).into_iter().flatten());
        found.extend(self.class.get(&secret.class).into_iter().flatten());
    }
}

impl Destinations {
    fn file(&mut self, rule: &Rule, place: u32) {
        match &rule.conditions.destination {
            Some(destination) if !destination.host.is_empty() => {
                for pattern in &destination.host {
                    self.file_host(pattern, place);
                }
            }
            Some(destination) if !destination.class.is_empty() => {
                for class in &destination.class {
                    self.class.entry(*class).or_default().push(place);
                }
            }
            _ => self.rest.push(place),
        }
    }

    fn file_host(&mut self, pattern: &HostPattern, place: u32) {
        match pattern {
            HostPattern::Exact(host) => self.host.entry(host.clone()).or_default().push(place),
            HostPattern::Below(parent) => self.parent.entry(parent.clone()).or_default().push(place),
            HostPattern::Address(address) => self.address.entry(*address).or_default().push(place),
        }
    }

    fn find(&self, destination: &Destination, found: &mut Filed) {
        found.extend_from_slice(&self.rest);
        found.extend(self.class.get(&destination.class).into_iter().flatten());
        if !self.address.is_empty() {
            found.extend(self.address.get(&destination.address.to_canonical()).into_iter().flatten());
        }
        if let Some(name) = &destination.name {
            self.find_name(&normal(name), found);
        }
    }

    fn find_name(&self, name: &str, found: &mut Filed) {
        found.extend(self.host.get(name).into_iter().flatten());
        if self.parent.is_empty() {
            return;
        }
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            found.extend(self.parent.get(parent).into_iter().flatten());
            rest = parent;
        }
    }
}

impl Programs {
    fn file(&mut self, rule: &Rule, place: u32) {
        let globs = rule.conditions.process.as_ref().map_or(&[][..], |process| &process.executable);
        let names: Option<Vec<_>> =
            globs.iter().map(|glob| glob.literal().filter(|text| !text.contains('/'))).collect();
        match names {
            Some(names) if !names.is_empty() => {
                for name in names {
                    self.name.entry(name.to_owned()).or_default().push(place);
                }
            }
            _ => self.rest.push(place),
        }
    }

    fn find(&self, name: &str, found: &mut Filed) {
        found.extend_from_slice(&self.rest);
        found.extend(self.name.get(name).into_iter().flatten());
    }
}

fn file_all(map: &mut HashMap<String, Filed>, keys: &[String], place: u32) {
    for key in keys {
        map.entry(key.clone()).or_default().push(place);
    }
}
