//! Facts and sets for tests.

mod defaults;
mod language;
mod mistakes;
mod packs;
mod pods;
mod schema;
mod semantics;

use std::{path::PathBuf, time::Duration};

use super::RuleSet;
use crate::facts::{
    BootNanos, Destination, DestinationClass, Fact, Grade, InPod, NameSource, Process, SecretAccess,
    SessionId, Subject, Transport,
};

pub fn second(seconds: u64) -> BootNanos {
    BootNanos(seconds * 1_000_000_000)
}

pub fn fact(at: BootNanos, subject: Subject) -> Fact {
    let process =
        Process { executable: "/usr/bin/curl".into(), args: ["curl".into()].into(), ..Process::default() };
    Fact {
        at,
        session: SessionId(1 << 42),
        agent: "claude-code".into(),
        session_age: Duration::from_secs(60),
        incomplete: false,
        pod: InPod::Outside,
        process,
        subject,
    }
}

/// A foreign credential of grade A.
pub fn secret(path: &str) -> SecretAccess {
    SecretAccess {
        path: path.into(),
        entry: "railway-cli".into(),
        class: "paas".into(),
        grade: Grade::A,
        foreign: true,
        owner: false,
        copy: false,
        habit: None,
    }
}

pub fn destination(class: DestinationClass, name: Option<&str>) -> Destination {
    Destination {
        address: "66.33.22.1".parse().unwrap(),
        port: 443,
        transport: Transport::Tcp,
        name: name.map(str::to_owned),
        named_by: name.map(|_| NameSource::ServerName),
        class,
        also: None,
        provider: None,
        anybodys: class == DestinationClass::Unknown,
    }
}

/// A file that leaves the built-in rules out, so that the lines of the others are those that a test wrote.
pub fn alone() -> (PathBuf, String) {
    (PathBuf::from("~alone.yaml"), "version: 1\nbuiltin: replace\n".to_owned())
}

/// A set of rules in flow style, the first on line 3 of `test.yaml`.
pub fn set(rules: &[&str]) -> RuleSet {
    parse_text(&format!("version: 1\nrules:\n  - {}\n", rules.join("\n  - "))).unwrap()
}

pub fn parse_text(text: &str) -> Result<RuleSet, crate::problem::Problems> {
    RuleSet::parse(&[(PathBuf::from("test.yaml"), text.to_owned()), alone()])
}
