//! Whether a bundle can be put in force on this machine.

use std::{path::Path, sync::Arc};

use crate::{
    cli::{
        exit::{Exit, Failure},
        printer::Printer,
    },
    config::Config,
    policy::{
        bundle::{Bundle, Checked, Place},
        load::load,
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
pub fn fits(config: &Config, bundle: &Bundle, printer: &Printer) -> Result<(), Failure> {
    let refused = |problems| printer.refuse(Exit::Negative, &problems);
    let cases = bundle.cases();
    let shipped = Shipped::of(bundle);
    let alone = load(&Config::default(), &shipped).map_err(refused)?;
    let missed = play(alone, &cases).map_err(refused)?;
    if let Some(miss) = missed.first() {
        let Miss { file, line, case, expected, got, .. } = miss;
        let text = format!(
            "{} of its cases do not come out as they say, first {file}:{line} ({case}): expected {expected}, got {got}",
            missed.len()
        );
        return Err(Failure::new(Exit::Negative, text));
    }
    load(config, &shipped).map(drop).map_err(refused)
}

/// This machine's own files go together with what is built in.
pub fn fits_builtin(config: &Config, printer: &Printer) -> Result<(), Failure> {
    load(config, &Shipped::default()).map(drop).map_err(|problems| printer.refuse(Exit::Negative, &problems))
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
