//! Whether a bundle can be put in force on this machine.

use std::{path::Path, sync::Arc};

use crate::{
    cli::{
        exit::{Exit, Failure},
        printer::Printer,
    },
    config::Config,
    policy::{
        self,
        bundle::{Bundle, Checked, Place},
        shipped::Shipped,
    },
};
use interlock_core::{
    catalog::Catalog,
    problem::Problems,
    rule_test::{Cases, Miss, Runner},
    rules::RuleSet,
};

pub fn read(place: &Place, file: &Path, printer: &Printer) -> Result<Checked, Failure> {
    place.read(file).map_err(|problems| printer.refuse(Exit::Negative, &problems))
}

/// Its own cases come out by its own rules and catalogues alone, and this machine's own files go together with it.
pub fn fits(config: &Config, bundle: Bundle, printer: &Printer) -> Result<Bundle, Failure> {
    let refused = |problems| printer.refuse(Exit::Negative, &problems);
    let cases = bundle.cases();
    let shipped = Shipped::of(&bundle);
    let alone = together(&shipped, &Config::default()).map_err(refused)?;
    let missed = play(alone, &cases).map_err(refused)?;
    if let Some(miss) = missed.first() {
        let Miss { file, line, case, expected, got, .. } = miss;
        let text = format!(
            "{} of its cases do not come out as they say, first {file}:{line} ({case}): expected {expected}, got {got}",
            missed.len()
        );
        return Err(Failure::new(Exit::Negative, text));
    }
    together(&shipped, config).map_err(refused)?;
    Ok(bundle)
}

/// This machine's own files go together with what is built in.
pub fn fits_builtin(config: &Config, printer: &Printer) -> Result<(), Failure> {
    together(&Shipped::default(), config)
        .map(drop)
        .map_err(|problems| printer.refuse(Exit::Negative, &problems))
}

/// Rules and catalogues of the machine's own files on what is shipped, which fit each other.
fn together(shipped: &Shipped, config: &Config) -> Result<(RuleSet, Catalog), Problems> {
    let rules = policy::rules::configured(config.rules.as_deref(), shipped)?;
    let catalog = policy::catalog::configured(config.catalog.as_deref(), shipped)?;
    rules.refused_by(&catalog).or((rules, catalog))
}

fn play(
    (rules, mut catalog): (RuleSet, Catalog),
    cases: &[(std::path::PathBuf, String)],
) -> Result<Vec<Miss>, Problems> {
    let rules = Arc::new(rules);
    rules.switch_packs(&mut catalog)?;
    let cases = Cases::parse(cases, &rules)?;
    let runner = Runner { rules: &rules, catalog: &catalog };
    Ok(cases.iter().flat_map(|case| runner.run(case).misses).collect())
}
