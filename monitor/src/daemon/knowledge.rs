//! What the daemon knows before it sees anything: rules and catalogues.

use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;

use super::StartError;
use crate::{
    catalog::{Catalog, agents::Agents, destinations::Destinations, packages, secrets::Secrets},
    config::Config,
    rules::{Problems, RuleSet},
};

pub struct Knowledge {
    pub rules: Arc<RuleSet>,
    pub loaded: Timestamp,
    /// Why the last reload was refused.
    pub problem: Option<String>,
    pub catalog: Catalog,
}

impl Knowledge {
    pub fn load(config: &Config) -> Result<Self, StartError> {
        let rules = rules(config).map_err(StartError::Rules)?;
        let agents = catalogue(config, "agents.yaml", Agents::builtin, Agents::parse)?;
        let secrets = catalogue(config, "secrets.yaml", Secrets::builtin, Secrets::parse)?;
        let destinations =
            catalogue(config, "destinations.yaml", Destinations::builtin, Destinations::parse)?
                .with_packages(registries());
        Ok(Self {
            rules: Arc::new(rules),
            loaded: Timestamp::now(),
            problem: None,
            catalog: Catalog { agents, secrets, destinations },
        })
    }

    /// Reads the rules again. Rules with a mistake never replace the rules that work.
    pub fn reload(&mut self, config: &Config) -> Result<(), Problems> {
        match rules(config) {
            Ok(rules) => {
                self.rules = Arc::new(rules);
                self.loaded = Timestamp::now();
                self.problem = None;
                Ok(())
            }
            Err(problems) => {
                self.problem = Some(problems.to_string());
                Err(problems)
            }
        }
    }
}

/// Registries that the machine's and its users' package managers are configured for.
fn registries() -> Vec<(String, String)> {
    let users = fs::read_dir("/home").into_iter().flatten().flatten().map(|entry| entry.path());
    let homes = users.chain(["/root".into()]);
    homes.flat_map(|home| packages::configured(&home, &|name| std::env::var(name).ok())).collect()
}

fn rules(config: &Config) -> Result<RuleSet, Problems> {
    config.rules.as_deref().map_or_else(RuleSet::builtin, RuleSet::load)
}

/// A catalogue of the configured directory where it has one, else the built-in one.
fn catalogue<T, E: IntoIterator<Item: std::fmt::Display>>(
    config: &Config,
    name: &str,
    builtin: impl Fn() -> Result<T, E>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StartError> {
    let file = config.catalog.as_ref().map(|dir| dir.join(name)).filter(|file| file.exists());
    let result = match &file {
        None => builtin(),
        Some(file) => parse(&read(file)?),
    };
    result.map_err(|problems| {
        let place = file.as_deref().map_or(name.to_owned(), |file| file.display().to_string());
        let lines: Vec<String> = problems.into_iter().map(|problem| format!("{place}: {problem}")).collect();
        StartError::Catalog(lines.join("\n"))
    })
}

fn read(file: &Path) -> Result<String, StartError> {
    fs::read_to_string(file).map_err(|error| StartError::Catalog(format!("{}: {error}", file.display())))
}
