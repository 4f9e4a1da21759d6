//! The rules and the catalogues that are configured, as one.

use super::{catalog, rules, shipped::Shipped};
use crate::config::Config;
use interlock_core::{catalog::Catalog, problem::Problems, rules::RuleSet};

/// What stands in this machine's own files, on what is shipped; they fit each other.
///
/// # Errors
/// Every mistake in any of the files, and each rule that the catalogues make impossible.
pub fn load(config: &Config, shipped: &Shipped) -> Result<(RuleSet, Catalog), Problems> {
    let rules = rules::configured(config.rules.as_deref(), shipped);
    let catalog = catalog::configured(config.catalog.as_deref(), shipped);
    let (rules, catalog) = match (rules, catalog) {
        (Ok(rules), Ok(catalog)) => (rules, catalog),
        (rules, catalog) => {
            return Err([rules.err(), catalog.err()].into_iter().flatten().flatten().collect());
        }
    };
    rules.refused_by(&catalog).or((rules, catalog))
}
