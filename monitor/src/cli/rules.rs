//! `interlock rules check`, `test`, `list`, `print`, `schema`, `reload`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    backends,
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::{plain, word},
    printer::{Printer, complain},
    wait::wait,
};
use crate::{
    config::Config,
    control::api::RulesView,
    policy::{self, shipped::Shipped},
};
use interlock_core::{
    catalog::{Catalog, Pack},
    facts::Place,
    problem::Problems,
    rule_test,
    rules::{Backends, Rule, RuleSet, schema},
};

const PACK_HEADERS: [&str; 4] = ["PACK", "STATE", "KINDS OF SECRETS", "KINDS OF DESTINATIONS"];
const HEADERS: [&str; 7] = ["RULE", "ON", "ACTION", "SEVERITY", "RUNS IN", "WHERE", "SUMMARY"];

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Report every problem of rule files
    Check(CheckRules),
    /// Play cases, without a daemon and without root: what sessions do, and what the rules must decide
    Test(super::rule_test::TestRules),
    /// List the configured rules, and where each does its work: the kernel's verdict table (kernel), the kernel that
    /// stops and asks (gate), or the daemon
    List(Reading),
    /// List the catalogues' packs, which `packs:` in a rule file switches off
    Packs(Reading),
    /// Print the JSON schema of rule files, for editors
    Schema {
        /// Of files of cases, for `interlock rules test`
        #[arg(long)]
        cases: bool,
    },
    /// Print the rules that are built in, or the installed bundle's in their place, to begin own ones with
    Print {
        /// What: builtin
        #[arg(value_parser = ["builtin"])]
        what: String,
    },
    /// Have the daemon read its rules again; with a problem it keeps those it has
    Reload,
}

#[derive(Args, Debug)]
pub struct CheckRules {
    /// Files or directories [default: the configured rules]
    paths: Vec<PathBuf>,
    /// Count warnings as problems: rules that the backend of this machine can only alert by
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    reading: Reading,
}

impl Rules {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Check(check) => check.perform(global, &global.printer(check.reading)),
            Self::Test(test) => test.perform(global, &global.printer(test.reading)),
            Self::List(reading) => list(global, &global.printer(*reading)),
            Self::Packs(reading) => packs(global, &global.printer(*reading)),
            Self::Schema { cases } => {
                let schema = if *cases { rule_test::schema() } else { schema::schema() };
                global.printer(Reading::default()).json(&schema).map(|()| Exit::Success)
            }
            Self::Print { .. } => {
                let printer = global.printer(Reading::default());
                let shipped = shipped(&global.config(&printer)?, &printer)?;
                printer.data(shipped.rules().text.trim_end()).map(|()| Exit::Success)
            }
            Self::Reload => reload(global),
        }
    }
}

/// What checking one path gave.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Checked {
    path: String,
    rules: usize,
    /// How many of them are built in.
    builtin: usize,
    sha256: Option<String>,
    problems: Problems,
    /// What is right, and weaker on this machine than it is written.
    warnings: Problems,
}

impl CheckRules {
    fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        let config = global.config(printer)?;
        let shipped = shipped(&config, printer)?;
        let catalog = catalog(&config, &shipped, printer)?;
        let here = backends::here(global);
        let check = |path| Checked::of(path, &shipped, &catalog, &here);
        let checked: Vec<_> = if self.paths.is_empty() {
            vec![check(config.rules.as_deref())]
        } else {
            self.paths.iter().map(|path| check(Some(path))).collect()
        };
        if printer.is_json() {
            printer.json(&checked)?;
        } else {
            for checked in &checked {
                checked.report(printer)?;
            }
        }
        let warned = |checked: &Checked| self.strict && !checked.warnings.is_empty();
        let sound = checked.iter().all(|checked| checked.problems.is_empty() && !warned(checked));
        Ok(if sound { Exit::Success } else { Exit::Negative })
    }
}

impl Checked {
    /// A name that the catalogue does not know is a mistake: the rule would never match by it.
    fn of(path: Option<&Path>, shipped: &Shipped, catalog: &Catalog, here: &Backends) -> Self {
        let name = path.map_or_else(|| shipped.label(), |path| path.display().to_string());
        match policy::rules::configured(path, shipped) {
            Ok(set) => {
                let found = [set.refused_by(catalog), set.strange_to(catalog), set.contradicted(catalog)];
                let mut problems: Problems = found.into_iter().flatten().collect();
                problems.0.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
                let (rules, sha256) = (set.len(), Some(set.sha256().into()));
                let (builtin, warnings) = (set.builtin_rules(), set.weaker_with(here));
                Self { path: name, rules, builtin, sha256, problems, warnings }
            }
            Err(problems) => {
                let warnings = Problems::default();
                Self { path: name, rules: 0, builtin: 0, sha256: None, problems, warnings }
            }
        }
    }

    fn report(&self, printer: &Printer) -> Result<(), Failure> {
        for problem in &self.problems {
            complain(&problem.to_string());
        }
        for warning in &self.warnings {
            complain(&format!("warning: {warning}"));
        }
        let path = plain(&self.path);
        let warned = match self.warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            count => format!(", {count} warnings"),
        };
        match self.problems.len() {
            0 => {
                let (rules, builtin) = (self.rules, self.builtin);
                printer
                    .data(&format!("{path}: {rules} rules, {builtin} of them built in, no problems{warned}"))
            }
            1 => printer.data(&format!("{path}: 1 problem{warned}")),
            count => printer.data(&format!("{path}: {count} problems{warned}")),
        }
    }
}

/// What is configured.
struct Known {
    set: RuleSet,
    catalog: Catalog,
}

impl Known {
    fn load(global: &Global, printer: &Printer) -> Result<Self, Failure> {
        let config = global.config(printer)?;
        let negative = |problems| printer.refuse(Exit::Negative, &problems);
        let shipped = shipped(&config, printer)?;
        let set = policy::rules::configured(config.rules.as_deref(), &shipped).map_err(negative)?;
        let mut catalog = catalog(&config, &shipped, printer)?;
        set.switch_packs(&mut catalog).map_err(negative)?;
        Ok(Self { set, catalog })
    }
}

/// A rule with what it was compiled to.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    runs_in: Place,
}

fn shipped(config: &Config, printer: &Printer) -> Result<Shipped, Failure> {
    Shipped::configured(config).map_err(|problems| printer.refuse(Exit::Negative, &problems))
}

fn catalog(config: &Config, shipped: &Shipped, printer: &Printer) -> Result<Catalog, Failure> {
    policy::catalog::configured(config.catalog.as_deref(), shipped)
        .map_err(|problems| printer.refuse(Exit::Negative, &problems))
}

fn list(global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let Known { set, .. } = Known::load(global, printer)?;
    let rules: Vec<_> = set.iter().map(|rule| Listed { rule, runs_in: set.place(rule) }).collect();
    printer.list(&rules, "no rules", &HEADERS, |Listed { rule, runs_in }| {
        vec![
            if rule.enabled { rule.id.clone() } else { format!("{} (disabled)", rule.id) },
            word(rule.on),
            word(rule.action),
            word(rule.severity),
            word(*runs_in),
            format!("{}:{}", rule.source.file, rule.source.line),
            rule.summary.clone(),
        ]
    })?;
    if let Some(place) = set.replaced() {
        printer.say(&format!("none of the built-in rules is in force: {place} says builtin: replace"));
    }
    for weaker in set.weaker_with(&backends::here(global)).iter() {
        printer.say(&format!("weaker here: {}", weaker.headline()));
    }
    let off: Vec<&str> = set.packs_off().into_iter().collect();
    if !off.is_empty() {
        printer.say(&format!("packs switched off: {}; see interlock rules packs", off.join(", ")));
    }
    Ok(Exit::Success)
}

/// A pack, and what the rules say of it.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Switched {
    #[serde(flatten)]
    pack: Pack,
    on: bool,
}

fn packs(global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let Known { set, catalog } = Known::load(global, printer)?;
    let off = set.packs_off();
    let packs = catalog.packs().into_iter();
    let packs: Vec<_> = packs.map(|pack| Switched { on: !off.contains(pack.name.as_str()), pack }).collect();
    printer.list(&packs, "no packs", &PACK_HEADERS, |Switched { pack, on }| {
        let state = if *on { "on" } else { "off" };
        vec![pack.name.clone(), state.into(), pack.secrets.to_string(), pack.destinations.to_string()]
    })?;
    Ok(Exit::Success)
}

pub(super) fn reload(global: &Global) -> Result<Exit, Failure> {
    let client = global.client()?;
    let rules: RulesView = wait(async { Ok(client.post("/v1/rules/reload", &()).await?) })?;
    if let Some(problem) = rules.problem {
        return Err(Failure::new(Exit::Negative, format_args!("the rules were not reloaded: {problem}")));
    }
    let loaded = format!("{} rules, sha256 {}", rules.count, rules.sha256);
    global.printer(Reading::default()).data(&loaded)?;
    Ok(Exit::Success)
}
