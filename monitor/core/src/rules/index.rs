//! Finds the rules that could match a fact, so that cost grows with those and not with the set.
//!
//! What a rule asks is filed once, under its agents and then under its narrowest condition that can be looked up: for
//! connections the host, else the provider, else the class; for secrets the entry, else the set of paths, else the class;
//! for programs the plain file name, else the set of their patterns. What has none of these is always looked at.

mod globs;
mod key;

use std::{collections::HashMap, net::IpAddr};

use self::globs::{Globs, GlobsBuilder};
pub use self::key::IndexKey;
use super::{
    conditions::Conditions,
    pattern::{HostPattern, normal},
};
use crate::facts::{Destination, DestinationClass, Fact, Kind, SecretAccess, Subject};

/// Positions in a list of what was filed.
type Filed = Vec<u32>;

/// Conditions by what they ask about.
#[derive(Debug, Default)]
pub struct Index {
    everyone: Kinds,
    agents: HashMap<String, Kinds>,
}

#[derive(Debug, Default)]
struct Kinds {
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
    path: Globs,
    class: HashMap<String, Filed>,
    rest: Filed,
}

#[derive(Debug, Default)]
struct Destinations {
    host: HashMap<String, Filed>,
    /// `railway.app` for the pattern `*.railway.app`.
    parent: HashMap<String, Filed>,
    address: HashMap<IpAddr, Filed>,
    provider: HashMap<String, Filed>,
    class: HashMap<DestinationClass, Filed>,
    rest: Filed,
}

#[derive(Debug, Default)]
struct Programs {
    name: HashMap<String, Filed>,
    /// Patterns of file names.
    names: Globs,
    /// Patterns of whole paths.
    paths: Globs,
    rest: Filed,
}

impl Index {
    /// Files conditions under their positions.
    pub fn new<'a>(conditions: impl IntoIterator<Item = (u32, Kind, &'a Conditions)>) -> Self {
        let mut everyone = KindsBuilder::default();
        let mut agents: HashMap<&str, KindsBuilder> = HashMap::new();
        for (place, on, conditions) in conditions {
            if conditions.agent.is_empty() {
                everyone.file(on, conditions, place);
            }
            for agent in &conditions.agent {
                agents.entry(agent).or_default().file(on, conditions, place);
            }
        }
        let agents = agents.into_iter().map(|(agent, kinds)| (agent.to_owned(), kinds.build())).collect();
        Self { everyone: everyone.build(), agents }
    }

    /// Puts the positions of what could match into `found`, each once, in their order.
    pub fn candidates(&self, fact: &Fact, found: &mut Vec<u32>) {
        found.clear();
        self.everyone.find(fact, found);
        if !self.agents.is_empty()
            && let Some(kinds) = self.agents.get(&fact.agent)
        {
            kinds.find(fact, found);
        }
        found.sort_unstable();
        found.dedup();
    }
}

/// Globs are compiled together, once all are known.
#[derive(Default)]
struct KindsBuilder {
    kinds: Kinds,
    open: GlobsBuilder,
    probe: GlobsBuilder,
    link: GlobsBuilder,
    names: GlobsBuilder,
    paths: GlobsBuilder,
}

impl KindsBuilder {
    fn file(&mut self, on: Kind, conditions: &Conditions, place: u32) {
        let kinds = &mut self.kinds;
        match on {
            Kind::Open => kinds.open.file(conditions, place, &mut self.open),
            Kind::Probe => kinds.probe.file(conditions, place, &mut self.probe),
            Kind::Connect => kinds.connect.file(conditions, place),
            Kind::Exec => kinds.exec.file(conditions, place, &mut self.names, &mut self.paths),
            Kind::Environ => kinds.environ.push(place),
            Kind::Inspect => kinds.inspect.push(place),
            Kind::Delegate => kinds.delegate.push(place),
            Kind::Link => kinds.link.file(conditions, place, &mut self.link),
            Kind::Lifecycle => kinds.lifecycle.push(place),
        }
    }

    fn build(self) -> Kinds {
        let mut kinds = self.kinds;
        kinds.open.path = self.open.build();
        kinds.probe.path = self.probe.build();
        kinds.link.path = self.link.build();
        kinds.exec.names = self.names.build();
        kinds.exec.paths = self.paths.build();
        kinds
    }
}

impl Kinds {
    fn find(&self, fact: &Fact, found: &mut Filed) {
        match &fact.subject {
            Subject::Open(secret) => self.open.find(secret, found),
            Subject::Probe(secret) => self.probe.find(secret, found),
            Subject::Connect(destination) | Subject::Handshake(destination) => {
                self.connect.find(destination, found)
            }
            Subject::Exec => self.exec.find(&fact.process.executable, fact.process.name(), found),
            Subject::Environ(_) => found.extend_from_slice(&self.environ),
            Subject::Inspect(_) => found.extend_from_slice(&self.inspect),
            Subject::Delegate(_) => found.extend_from_slice(&self.delegate),
            Subject::Link(relink) => self.link.find(&relink.secret, found),
            Subject::Lifecycle(_) => found.extend_from_slice(&self.lifecycle),
        }
    }
}

impl Secrets {
    fn file(&mut self, conditions: &Conditions, place: u32, paths: &mut GlobsBuilder) {
        match IndexKey::of_secret(conditions) {
            IndexKey::Entry(entry) => file_all(&mut self.entry, entry, place),
            IndexKey::Path(globs) => paths.add(globs, place),
            IndexKey::Class(class) => file_all(&mut self.class, class, place),
            _ => self.rest.push(place),
        }
    }

    fn find(&self, secret: &SecretAccess, found: &mut Filed) {
        found.extend_from_slice(&self.rest);
        found.extend(self.entry.get(&secret.entry).into_iter().flatten());
        found.extend(self.class.get(&secret.class).into_iter().flatten());
        self.path.find(&secret.path, found);
    }
}

impl Destinations {
    fn file(&mut self, conditions: &Conditions, place: u32) {
        match IndexKey::of_destination(conditions) {
            IndexKey::Host(hosts) => hosts.iter().for_each(|pattern| self.file_host(pattern, place)),
            IndexKey::Provider(providers) => file_all(&mut self.provider, providers, place),
            IndexKey::Destination(classes) => {
                classes.iter().for_each(|class| self.class.entry(*class).or_default().push(place));
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
        if let Some(provider) = &destination.provider {
            found.extend(self.provider.get(provider).into_iter().flatten());
        }
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
    fn file(
        &mut self,
        conditions: &Conditions,
        place: u32,
        names: &mut GlobsBuilder,
        paths: &mut GlobsBuilder,
    ) {
        let IndexKey::Program(globs) = IndexKey::of_program(conditions) else {
            self.rest.push(place);
            return;
        };
        for glob in globs {
            match glob.literal() {
                _ if glob.as_str().contains('/') => paths.add([glob], place),
                Some(name) => self.name.entry(name.to_owned()).or_default().push(place),
                None => names.add([glob], place),
            }
        }
    }

    fn find(&self, path: &str, name: &str, found: &mut Filed) {
        found.extend_from_slice(&self.rest);
        found.extend(self.name.get(name).into_iter().flatten());
        self.names.find(name, found);
        self.paths.find(path, found);
    }
}

fn file_all(map: &mut HashMap<String, Filed>, keys: &[String], place: u32) {
    for key in keys {
        map.entry(key.clone()).or_default().push(place);
    }
}
