//! `interlock rules test`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::plain,
    printer::Printer,
};
use crate::{
    config::Config,
    policy::{self, shipped::Shipped},
};
use interlock_core::{
    catalog::Catalog,
    problem::Problems,
    rule_test::{Miss, Runner},
    rules::RuleSet,
};

const HEADERS: [&str; 5] = ["WHERE", "CASE", "EVENT", "EXPECTED", "GOT"];

#[derive(Args, Debug)]
pub struct TestRules {
    /// Files of cases, or directories with files below them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The rules: a file or a directory [default: the configured rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The catalogues [default: the configured ones]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    #[command(flatten)]
    pub(super) reading: Reading,
}

/// What playing all cases gave.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Tested {
    cases: usize,
    failed: usize,
    /// SHA-256 of the rules, hexadecimal.
    rules: String,
    misses: Vec<Miss>,
}

impl TestRules {
    pub(super) fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        let wrong = |problems| printer.refuse(Exit::Usage, &problems);
        let configured = Configured::read(global, printer)?;
        let rules = Arc::new(configured.rules(self.rules.as_deref(), printer)?);
        let mut catalog = configured.catalog(self.catalog.as_deref()).map_err(wrong)?;
        rules.switch_packs(&mut catalog).map_err(wrong)?;
        let cases = policy::cases::load(&self.paths, &rules).map_err(wrong)?;
        let runner = Runner { rules: &rules, catalog: &catalog };
        let results: Vec<Vec<Miss>> = cases.iter().map(|case| runner.run(case).misses).collect();
        let tested = Tested {
            cases: cases.len(),
            failed: results.iter().filter(|misses| !misses.is_empty()).count(),
            rules: rules.sha256().to_owned(),
            misses: results.into_iter().flatten().collect(),
        };
        tested.show(printer)?;
        Ok(if tested.failed == 0 { Exit::Success } else { Exit::Negative })
    }
}

impl Tested {
    fn show(&self, printer: &Printer) -> Result<(), Failure> {
        if printer.is_json() {
            return printer.json(self);
        }
        if !self.misses.is_empty() {
            printer.list(&self.misses, "", &HEADERS, |miss| {
                let place = format!("{}:{}", miss.file, miss.line);
                vec![place, miss.case.clone(), miss.event.clone(), miss.expected.clone(), miss.got.clone()]
            })?;
        }
        let passed = self.cases - self.failed;
        printer.data(&plain(&format!("{} cases: {passed} as expected, {} not", self.cases, self.failed)))
    }
}

/// The configuration, and what its own files stand on.
pub(super) struct Configured {
    config: Config,
    shipped: Shipped,
}

impl Configured {
    pub(super) fn read(global: &Global, printer: &Printer) -> Result<Self, Failure> {
        let config = global.config(printer)?;
        let shipped = Shipped::configured(&config);
        let shipped = shipped.map_err(|problems| printer.refuse(Exit::Usage, &problems))?;
        Ok(Self { config, shipped })
    }

    /// The rules of `path`, else the configured ones.
    pub(super) fn rules(&self, path: Option<&Path>, printer: &Printer) -> Result<RuleSet, Failure> {
        let rules = policy::rules::configured(path.or(self.config.rules.as_deref()), &self.shipped);
        rules.map_err(|problems| printer.refuse(Exit::Usage, &problems))
    }

    /// The catalogues of a directory, else the configured ones.
    fn catalog(&self, directory: Option<&Path>) -> Result<Catalog, Problems> {
        policy::catalog::configured(directory.or(self.config.catalog.as_deref()), &self.shipped)
    }
}
