//! Which of the catalogue's entries a run confirms, and why the others are not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use interlock_core::facts::DestinationClass;
use serde::Deserialize;

use crate::{
    judge::Judge,
    measure::{Measured, Role},
    records::Records,
    sandbox::{FOLDER, HOME},
};

/// `lab/unconfirmed.yaml`: entries that no client confirms, below why.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasons {
    pub reasons: Vec<Reason>,
}

/// One reason, and the entries that it holds for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub why: String,
    /// Of `secrets.yaml`.
    #[serde(default)]
    pub stores: BTreeSet<String>,
    /// Of `destinations.yaml`.
    #[serde(default)]
    pub endpoints: BTreeSet<String>,
}

impl Reasons {
    /// # Errors
    /// What is wrong with the text, with its line.
    pub fn read(text: &str) -> Result<Self> {
        serde_saphyr::from_str(text).context("the reasons are wrong")
    }
}

/// What the runs say of one of the catalogue's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How many entries there are.
    pub entries: usize,
    /// Entries that a run confirms.
    pub confirmed: BTreeSet<String>,
    /// The others, without a reason.
    pub open: BTreeSet<String>,
    /// Ids with a reason that need none, or that are no entry's; and those with two.
    pub stale: BTreeSet<String>,
}

impl Part {
    fn new<'a>(
        ids: impl Iterator<Item = &'a str>,
        confirmed: BTreeSet<String>,
        reasons: impl Iterator<Item = &'a BTreeSet<String>>,
    ) -> Self {
        let ids: BTreeSet<&str> = ids.collect();
        let mut unconfirmed: BTreeMap<&str, usize> = BTreeMap::new();
        for id in reasons.flatten() {
            *unconfirmed.entry(id).or_default() += 1;
        }
        let is_open = |id: &&&str| !confirmed.contains(**id) && !unconfirmed.contains_key(**id);
        let is_stale =
            |(id, times): &(&&str, &usize)| **times > 1 || confirmed.contains(**id) || !ids.contains(**id);
        let open = ids.iter().filter(is_open).map(|id| (*id).to_owned()).collect();
        let stale = unconfirmed.iter().filter(is_stale).map(|(id, _)| (*id).to_owned()).collect();
        Self { entries: ids.len(), open, stale, confirmed }
    }
}

/// Both files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub stores: Part,
    pub endpoints: Part,
}

impl Coverage {
    /// What the records confirm of today's catalogue.
    #[must_use]
    pub fn new(records: &Records, reasons: &Reasons, judge: &Judge<'_>) -> Self {
        let all = || records.values();
        let stores = all().flat_map(|measured| stores(measured, judge)).collect();
        let endpoints = all().flat_map(|measured| endpoints(measured, judge)).collect();
        Self {
            stores: Part::new(
                judge.catalog.secrets.ids(),
                stores,
                reasons.reasons.iter().map(|reason| &reason.stores),
            ),
            endpoints: Part::new(
                judge.catalog.destinations.providers(),
                endpoints,
                reasons.reasons.iter().map(|reason| &reason.endpoints),
            ),
        }
    }
}

/// The entries of the stores that the client read as their owner; in a workspace nobody asks who reads.
fn stores(measured: &Measured, judge: &Judge<'_>) -> BTreeSet<String> {
    let read = measured.stores.iter().filter(|place| place.own && place.opened);
    let entry = |place: &crate::measure::Place| {
        let access = judge.access(&place.path, place.program.as_ref())?;
        let in_workspace = place.path.replacen('~', HOME, 1).starts_with(&format!("{FOLDER}/"));
        (access.owner || in_workspace).then_some(access.entry)
    };
    read.filter_map(entry).collect()
}

/// The entries of the hosts that got the login; telemetry that is listed as none.
fn endpoints(measured: &Measured, judge: &Judge<'_>) -> BTreeSet<String> {
    let entry = |host: &crate::measure::Host| {
        let (class, provider) = judge.class(host);
        let is_seen = host.role == Role::Api || class == DestinationClass::Unknown;
        provider.filter(|_| is_seen).map(str::to_owned)
    };
    measured.hosts.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn an_entry_is_confirmed_or_has_one_reason() {
        let reasons = [set(&["b", "a"]), set(&["b", "gone"])];
        let part = Part::new(["a", "b", "c"].into_iter(), set(&["a"]), reasons.iter());
        assert_eq!(part.open, set(&["c"]));
        assert_eq!(part.stale, set(&["a", "b", "gone"]));
    }

    #[test]
    fn a_run_confirms_what_its_owner_read_and_who_got_the_login() {
        let program = crate::trace::Program {
            exe: "/usr/local/bin/railway".into(),
            comm: "railway".into(),
            argv: vec!["railway".into()],
        };
        let read = |path: &str, exe: &str| crate::measure::Place {
            path: path.into(),
            own: true,
            opened: true,
            program: Some(crate::trace::Program { exe: exe.into(), ..program.clone() }),
        };
        let host = |name: &str, role| crate::measure::Host {
            name: name.into(),
            port: 443,
            role,
            ..crate::measure::Host::default()
        };
        let measured = Measured {
            stores: vec![
                read("~/.railway/config.json", "/usr/local/bin/railway"),
                read("~/.netrc", "/usr/bin/cat"),
            ],
            hosts: vec![
                host("backboard.railway.com", Role::Api),
                host("api.vercel.com", Role::Update),
                host("track.neon.tech", Role::Telemetry),
            ],
            ..Measured::default()
        };
        let catalog = interlock_core::catalog::Catalog::builtin().unwrap();
        let judge = Judge { catalog: &catalog };
        assert_eq!(stores(&measured, &judge), set(&["railway-cli"]));
        assert_eq!(endpoints(&measured, &judge), set(&["provider-telemetry", "railway"]));
    }
}
