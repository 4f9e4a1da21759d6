//! Packs: what the catalogues know of one provider, switched off as one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::set::Catalog;
use crate::facts::Subject;

/// What the catalogues know of one provider, or of several that are used alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Pack {
    /// What rules call it: `aws`.
    pub name: String,
    /// Kinds of stores.
    pub secrets: usize,
    /// Kinds of endpoints.
    pub destinations: usize,
}

impl Catalog {
    /// Every pack, by name.
    #[must_use]
    pub fn packs(&self) -> Vec<Pack> {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        self.secrets.packs().for_each(|pack| counts.entry(pack).or_default().0 += 1);
        self.destinations.packs().for_each(|pack| counts.entry(pack).or_default().1 += 1);
        let pack = |(name, (secrets, destinations)): (&str, (usize, usize))| Pack {
            name: name.to_owned(),
            secrets,
            destinations,
        };
        counts.into_iter().map(pack).collect()
    }

    /// Switches exactly these packs off: their endpoints are plain, their stores are reported and judged by no rule.
    pub fn switch_off(&mut self, packs: &BTreeSet<&str>) {
        self.secrets.switch_off(packs);
        self.destinations.switch_off(packs);
    }

    /// The switched-off pack that a secret is part of.
    #[must_use]
    pub fn switched_off(&self, subject: &Subject) -> Option<&str> {
        match subject {
            Subject::Open(secret) | Subject::Probe(secret) => self.secrets.switched_off(&secret.entry),
            Subject::Link(relink) => self.secrets.switched_off(&relink.secret.entry),
            _ => None,
        }
    }
}
