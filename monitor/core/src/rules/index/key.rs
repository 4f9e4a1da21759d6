//! Where conditions are filed.

use std::fmt::{self, Display, Formatter};

use crate::{
    facts::{DestinationClass, Kind},
    rules::{
        conditions::{Conditions, DestinationMatch, SecretMatch},
        pattern::{Glob, HostPattern},
        wording::OneOf,
    },
};

/// The narrowest condition that can be looked up.
#[derive(Clone, Copy, Debug)]
pub enum IndexKey<'c> {
    /// Entries of the catalogue.
    Entry(&'c [String]),
    Path(&'c [Glob]),
    /// Classes of secrets.
    Class(&'c [String]),
    Host(&'c [HostPattern]),
    Provider(&'c [String]),
    Destination(&'c [DestinationClass]),
    /// Names and paths of programs.
    Program(&'c [Glob]),
    /// None: it is looked at with every fact of its kind.
    Rest,
}

impl<'c> IndexKey<'c> {
    /// Of a rule, or of a step, about `on`.
    pub fn of(on: Kind, conditions: &'c Conditions) -> Self {
        match on {
            Kind::Open | Kind::Probe | Kind::Link => Self::of_secret(conditions),
            Kind::Connect => Self::of_destination(conditions),
            Kind::Exec => Self::of_program(conditions),
            Kind::Environ | Kind::Inspect | Kind::Delegate | Kind::Lifecycle => Self::Rest,
        }
    }

    pub fn of_secret(conditions: &'c Conditions) -> Self {
        match &conditions.secret {
            Some(SecretMatch { entry, .. }) if !entry.is_empty() => Self::Entry(entry),
            Some(SecretMatch { path, .. }) if !path.is_empty() => Self::Path(path),
            Some(SecretMatch { class, .. }) if !class.is_empty() => Self::Class(class),
            _ => Self::Rest,
        }
    }

    pub fn of_destination(conditions: &'c Conditions) -> Self {
        match &conditions.destination {
            Some(DestinationMatch { host, .. }) if !host.is_empty() => Self::Host(host),
            Some(DestinationMatch { provider, .. }) if !provider.is_empty() => Self::Provider(provider),
            Some(DestinationMatch { class, .. }) if !class.is_empty() => Self::Destination(class),
            _ => Self::Rest,
        }
    }

    pub fn of_program(conditions: &'c Conditions) -> Self {
        match &conditions.process {
            Some(process) if !process.executable.is_empty() => Self::Program(&process.executable),
            _ => Self::Rest,
        }
    }
}

impl Display for IndexKey<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(ids) => write!(f, "the catalogue's entry {}", OneOf(ids)),
            Self::Path(globs) => write!(f, "the set of paths, as {}", OneOf(globs)),
            Self::Class(classes) => write!(f, "the secret's class {}", OneOf(classes)),
            Self::Host(hosts) => write!(f, "the host {}", OneOf(hosts)),
            Self::Provider(ids) => write!(f, "the provider {}", OneOf(ids)),
            Self::Destination(classes) => write!(f, "the destination's class {}", OneOf(classes)),
            Self::Program(globs) => write!(f, "the program {}", OneOf(globs)),
            Self::Rest => f.write_str("nothing narrower, so it is looked at with each"),
        }
    }
}
