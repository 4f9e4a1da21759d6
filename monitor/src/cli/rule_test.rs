//! `interlock rules test`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::plain,
    printer::Printer,
};
use crate::policy;
use interlock_core::{
    catalog::Catalog,
    problem::{Problem, Problems},
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
#[derive(Serialize)]
struct Tested {
    cases: usize,
    failed: usize,
    /// SHA-256 of the rules, hexadecimal.
    rules: String,
    misses: Vec<Miss>,
}

impl TestRules {
    pub(super) fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        let rules = rules(global, self.rules.as_deref()).map_err(|problems| refuse(printer, &problems))?;
        let rules = Arc::new(rules);
        let mut catalog = self.catalog(global)?;
        rules.switch_packs(&mut catalog).map_err(|problems| refuse(printer, &problems))?;
        let cases =
            policy::cases::load(&self.paths, &rules).map_err(|problems| refuse(printer, &problems))?;
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

    fn catalog(&self, global: &Global) -> Result<Catalog, Failure> {
        let configured = if self.catalog.is_some() { None } else { global.config()?.catalog };
        let directory = self.catalog.as_deref().or(configured.as_deref());
        policy::catalog::configured(directory).map_err(|problems| Failure::new(Exit::Usage, problems))
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
pub(super) fn rules(global: &Global, path: Option<&std::path::Path>) -> Result<RuleSet, Problems> {
    if let Some(path) = path {
        return policy::rules::load(path);
    }
    let configured = global.config().map_err(|failure| {
        Problems(vec![Problem::of_file("configuration", failure.text.unwrap_or_default())])
    })?;
    policy::rules::configured(configured.rules.as_deref())
}

/// Files that cannot be understood are wrong usage; as JSON the problems are data.
pub(super) fn refuse(printer: &Printer, problems: &Problems) -> Failure {
    if !printer.is_json() {
        return Failure::new(Exit::Usage, problems);
    }
    let listed: Vec<&Problem> = problems.iter().collect();
    match printer.json(&serde_json::json!({ "problems": listed })) {
        Ok(()) => Failure { exit: Exit::Usage, text: None },
        Err(failure) => failure,
    }
}
