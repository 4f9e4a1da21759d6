//! What the threat model says openly is not stopped: no find, so it is not drawn. The table is `left_out.toml`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::act::Act;

const TABLE: &str = include_str!("left_out.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "left-out")]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Names of [`super::act::Act::names`]; left out where all of them are in one program.
    acts: BTreeSet<String>,
    backends: Vec<String>,
    /// The first cell of a row of `docs/threat-model.md`.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the document"))]
    row: String,
}

/// Acts that one backend leaves out: alone, or beside each other.
#[derive(Clone, Debug, Default)]
pub struct LeftOut(Vec<BTreeSet<String>>);

impl LeftOut {
    /// # Errors
    /// The table is wrong.
    pub fn load(backend: &str) -> Result<Self> {
        let table: Table = toml::from_str(TABLE).context("xtask/src/adversary/left_out.toml")?;
        let here = |entry: &Entry| entry.backends.iter().any(|name| name == backend);
        Ok(Self(table.entries.into_iter().filter(here).map(|entry| entry.acts).collect()))
    }

    /// What forbids `act` in a program that has `before` already, in words.
    pub fn forbids(&self, before: &[Act], act: &Act) -> Option<String> {
        let (names, own) =
            (|acts: &[Act]| acts.iter().flat_map(Act::names).collect::<BTreeSet<_>>(), act.names());
        let mut all = names(before);
        all.extend(own.iter().cloned());
        let matching =
            |entry: &&BTreeSet<String>| entry.is_subset(&all) && own.iter().any(|name| entry.contains(name));
        self.0.iter().find(matching).map(|entry| entry.iter().cloned().collect::<Vec<_>>().join(" with "))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::act::{Form, How, Means, To},
        *,
    };

    #[test]
    fn every_entry_rests_on_a_row_of_the_threat_model() {
        let document = include_str!("../../../docs/threat-model.md");
        let table: Table = toml::from_str(TABLE).unwrap();
        for entry in &table.entries {
            assert!(document.contains(&format!("\n| {} |", entry.row)), "no row: {}", entry.row);
            for backend in &entry.backends {
                assert!(["portable", "tracing", "lsm"].contains(&backend.as_str()), "{backend}");
            }
        }
        assert!(table.entries.len() >= 5);
    }

    #[test]
    fn acts_are_left_out_alone_or_beside_each_other() {
        let left_out = LeftOut::load("portable").unwrap();
        let connect = |to| Act::Connect { to, how: How::Plain };
        let send = |form| Act::Send { form, by: Means::Write, pieces: 1, gap: 0 };
        assert_eq!(left_out.forbids(&[], &connect(To::DnsPort)), Some("connect/to/dns-port".to_owned()));
        assert_eq!(left_out.forbids(&[connect(To::Loopback)], &send(Form::Http)), None);
        let both = left_out.forbids(&[connect(To::Loopback)], &send(Form::Bare));
        assert_eq!(both, Some("connect/to/loopback with send/form/bare".to_owned()));
        // What is there already is no reason against another act.
        assert_eq!(left_out.forbids(&[connect(To::DnsPort)], &Act::Exec), None);
        assert_eq!(LeftOut::default().forbids(&[], &connect(To::DnsPort)), None);
    }
}
