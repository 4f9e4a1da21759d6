//! From the catalogue's text to the lookups.

use std::collections::HashMap;

use super::{
    destructive::Destructive,
    lookup::{Destinations, Listed, Provider},
    services::Services,
    tables::Tables,
};
use crate::{
    catalog::{
        digest::Digest,
        fields::placed_name,
        reading::{Entry, entries, read as read_file},
    },
    facts::DestinationClass,
    problem::Problems,
    words::Word,
    yaml::{Report, Section, flag, word},
};

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "destinations.yaml";
/// The file's name and the text that is built in.
pub const SHIPPED: (&str, &str) = (FILE, include_str!("../../../../../rules/catalog/destinations.yaml"));

/// Those of endpoints alone.
const OF_ENDPOINTS: [&str; 8] =
    ["pack", "hosts", "also_infra", "known", "auth", "addresses", "ports", "destructive"];
/// Those of services alone.
const OF_SERVICES: [&str; 5] = ["sockets", "files", "commands", "values", "mounts"];

const ENTRY: &[&str] = &[
    "id",
    "class",
    "pack",
    "hosts",
    "also_infra",
    "known",
    "auth",
    "addresses",
    "ports",
    "destructive",
    "sockets",
    "files",
    "commands",
    "values",
    "mounts",
    "source",
    "unverified",
];

/// What an entry describes: an endpoint, or a service of this machine.
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl Word for Class {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("infra", Self::Infra),
        ("model", Self::Model),
        ("database", Self::Database),
        ("metadata", Self::Metadata),
        ("vcs", Self::Vcs),
        ("unknown", Self::Unknown),
        ("delegate", Self::Delegate),
    ];
}

impl Destinations {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Like [`Destinations::parse`]; a test proves that the built-in text has no problems.
    pub fn builtin() -> Result<Self, Problems> {
        Self::parse(SHIPPED.1)
    }

    /// Reads a catalogue in the format of `docs/catalogues.md`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each at its place.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        read(FILE, text)
    }
}

/// Reads a catalogue; `file` is its name in problems.
pub fn read(file: &str, text: &str) -> Result<Destinations, Problems> {
    read_file(file, text, &["version", "entries"], |file, report| {
        let mut tables = Tables::default();
        let (mut providers, mut services) = (Vec::new(), Vec::new());
        for entry in entries(file, "entries", ENTRY, report) {
            match entry.section.need("class", report, word::<Class>).map(Class::endpoint) {
                Some(Some(class)) => {
                    providers.push(endpoint(&entry, class, providers.len(), &mut tables, report));
                }
                // Its class was noted, and nothing of the file is used: only what is wrong in any case is told.
                None if OF_SERVICES.into_iter().any(|field| entry.section.has(field)) => services.push(entry),
                None => {
                    let listed = Listed { class: DestinationClass::Model, provider: 0, also: None };
                    tables.add(&entry.section, listed, report);
                }
                Some(None) => {
                    refuse(
                        &entry.section,
                        &OF_ENDPOINTS,
                        "belongs to an endpoint",
                        "class: delegate is a service",
                        report,
                    );
                    services.push(entry);
                }
            }
        }
        let services = Services::read(&services, report);
        tables.check_contradictions(report);
        let patterns = tables.pattern_globs(report);
        let (pattern_names, pattern_targets) =
            tables.patterns.into_iter().map(|(host, listed)| (host.value, listed)).unzip();
        Destinations {
            providers,
            exact: tables.exact,
            patterns,
            pattern_targets,
            pattern_names,
            suffixes: tables.suffixes,
            addresses: tables.addresses.into_iter().map(|(address, (listed, _))| (address, listed)).collect(),
            ports: tables.ports.into_iter().map(|(port, (listed, _))| (port, listed)).collect(),
            packages: HashMap::new(),
            services,
            digest: Digest::new(text, file, &["entries"]),
        }
    })
}

/// Notes fields that entries of this class do not have.
fn refuse(section: &Section<'_>, fields: &[&str], what: &str, hint: &str, report: &mut Report<'_>) {
    for field in fields.iter().filter(|field| section.has(field)) {
        section.refuse(field, report, what, &format!("{hint}: leave it out"));
    }
}

fn endpoint(
    entry: &Entry<'_>,
    class: DestinationClass,
    provider: usize,
    tables: &mut Tables,
    report: &mut Report<'_>,
) -> Provider {
    let section = &entry.section;
    tables.add(section, Listed { class, provider, also: None }, report);
    refuse(section, &OF_SERVICES, "belongs to a service", "a service is of class: delegate", report);
    let pack = section.read("pack", report, placed_name);
    // Only what rules stop by its class gains from being switched off.
    let stopped = [DestinationClass::Infra, DestinationClass::Database, DestinationClass::Metadata];
    if pack.is_some() && !stopped.contains(&class) {
        let hint = "a pack has endpoints of class infra, database and metadata: leave it out";
        section.refuse("pack", report, &format!("an endpoint of class {} is in no pack", class.word()), hint);
    }
    let known = section.read("known", report, flag).unwrap_or(false);
    if known && class != DestinationClass::Unknown {
        section.refuse("known", report, "it is for class unknown", "leave it out");
    }
    Provider {
        id: entry.id.value.clone(),
        pack: pack.map(|pack| pack.value),
        off: false,
        anybodys: class == DestinationClass::Unknown && !known,
        destructive: section.read("destructive", report, Destructive::read).unwrap_or_default(),
    }
}
