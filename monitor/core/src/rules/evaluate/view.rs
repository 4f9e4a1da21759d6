//! A fact as conditions look at it.

use std::{borrow::Cow, fmt, net::IpAddr};

use crate::{
    facts::{Action, DestinationClass, Fact, Subject},
    rules::{
        guard::{Scope, Words},
        memory::Memory,
        model::{Rule, Threshold},
        pattern::normal,
    },
};

/// A fact as conditions look at it; what several rules need is computed once.
pub struct View<'a> {
    pub fact: &'a Fact,
    host: Option<Cow<'a, str>>,
    words: Words,
}

impl<'a> View<'a> {
    pub fn new(fact: &'a Fact) -> Self {
        let host = fact.subject.destination().and_then(|destination| destination.name.as_deref()).map(normal);
        Self { fact, host, words: Words::default() }
    }

    /// The destination's name in [`normal`] form.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The arguments joined by single spaces.
    pub fn argv(&self) -> &str {
        self.words.argv(self.fact)
    }

    /// What a guard sees.
    pub fn scope(&self, risk: u32) -> Scope<'_> {
        Scope { fact: self.fact, host: self.host.as_deref(), risk, words: &self.words, item: None }
    }

    /// The most that a rule may do about the fact. A model's host is stopped only where it is a control plane as well, and
    /// the rule says that it means this.
    pub fn ceiling(&self, rule: &Rule) -> Action {
        let Some(destination) = self.fact.subject.destination() else { return Action::Kill };
        let meant = rule.conditions.destination.as_ref().and_then(|wanted| wanted.also);
        match destination.class {
            DestinationClass::Model if meant.is_some() && meant == destination.also => Action::Kill,
            DestinationClass::Model | DestinationClass::Package => Action::Alert,
            _ => Action::Kill,
        }
    }

    /// What the fact is about, for counting.
    pub fn object(&self) -> Object<'_> {
        match &self.fact.subject {
            Subject::Open(secret) | Subject::Probe(secret) => Object::Text(&secret.path),
            Subject::Connect(destination) | Subject::Handshake(destination) => match &self.host {
                Some(host) => Object::Text(host),
                None => Object::Address(destination.address),
            },
            Subject::Exec => Object::Text(&self.fact.process.executable),
            Subject::Environ(access) => Object::Process(access.target),
            Subject::Inspect(access) => Object::Process(access.target),
            Subject::Delegate(delegation) => Object::Text(&delegation.path),
            Subject::Link(relink) => Object::Text(&relink.secret.path),
            Subject::Lifecycle(_) => Object::Text(&self.fact.agent),
        }
    }

    /// An owner tool's access to its own store.
    pub fn is_owners(&self) -> bool {
        self.fact.subject.secret().is_some_and(|secret| secret.owner)
    }

    /// Counts the fact for a threshold. What an owner tool does with its own store is never part of a sweep.
    pub fn reaches(&self, rule: u64, threshold: &Threshold, memory: &mut Memory) -> bool {
        if self.is_owners() {
            return false;
        }
        let object = threshold.distinct.map(|_| self.object());
        memory.count(rule, threshold, object, self.fact.at)
    }
}

/// What a condition about the past says where the past is not wholly known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// For rules: a session cannot gain by making the monitor lose its records.
    IsMet,
    /// For exceptions, for the same reason.
    IsUnmet,
}

/// Identity of what a fact is about.
#[derive(Hash)]
pub enum Object<'a> {
    Text(&'a str),
    Address(IpAddr),
    Process(u32),
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
            Self::Process(pid) => write!(f, "process {pid}"),
        }
    }
}
