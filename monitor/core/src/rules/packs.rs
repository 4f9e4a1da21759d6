//! `packs:`: the catalogues know several providers, and a set of rules says which of them it does without.

pub(super) mod choice;

use std::collections::{BTreeMap, BTreeSet};

use self::choice::Choice;
use super::set::RuleSet;
use crate::{catalog::Catalog, problem::Problems};

impl RuleSet {
    /// The packs that the files switch off, the last word on each counting.
    #[must_use]
    pub fn packs_off(&self) -> BTreeSet<&str> {
        let choices: BTreeMap<&str, bool> =
            self.packs.iter().map(|choice| (choice.name.as_str(), choice.on)).collect();
        choices.into_iter().filter(|(_, on)| !on).map(|(name, _)| name).collect()
    }

    /// Packs that `catalog` does not have: whoever misspells one believes that it is off.
    #[must_use]
    pub fn unknown_packs(&self, catalog: &Catalog) -> Problems {
        let packs = catalog.packs();
        let names = || packs.iter().map(|pack| pack.name.as_str());
        let strange = self.packs.iter().filter(|choice| !names().any(|name| name == choice.name));
        let report = |choice: &Choice| {
            let mut problem = choice.place.clone();
            problem.message = format!("there is no pack {:?}", choice.name);
            problem.near(&choice.name, names());
            problem.expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
            problem
        };
        Problems(strange.map(report).collect())
    }

    /// Makes the catalogue be what these rules want of it.
    ///
    /// # Errors
    /// Every pack that the catalogue does not have; it is left as it was then.
    pub fn switch_packs(&self, catalog: &mut Catalog) -> Result<(), Problems> {
        let unknown = self.unknown_packs(catalog);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        catalog.switch_off(&self.packs_off());
        Ok(())
    }
}
