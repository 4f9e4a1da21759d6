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
use crate::policy::{self, shipped::Shipped};
use interlock_core::{
    catalog::Catalog,
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
        let rules = Arc::new(rules(global, self.rules.as_deref(), printer)?);
        let mut catalog = self.catalog(global, printer)?;
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

    fn catalog(&self, global: &Global, printer: &Printer) -> Result<Catalog, Failure> {
        let wrong = |problems| printer.refuse(Exit::Usage, &problems);
        let config = global.config(printer)?;
        let directory = self.catalog.as_deref().or(config.catalog.as_deref());
        let shipped = Shipped::configured(&config).map_err(wrong)?;
        policy::catalog::configured(directory, &shipped).map_err(wrong)
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

/// The rules of `path`, else the configured ones.
pub(super) fn rules(global: &Global, path: Option<&Path>, printer: &Printer) -> Result<RuleSet, Failure> {
    let config = global.config(printer)?;
    let shipped = Shipped::configured(&config);
    let path = path.or(config.rules.as_deref());
    let rules = shipped.and_then(|shipped| policy::rules::configured(path, &shipped));
    rules.map_err(|problems| printer.refuse(Exit::Usage, &problems))
}
