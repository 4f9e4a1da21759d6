//! The project's test binaries and what is in them.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::Value;

use crate::{process, repository::Repository};

/// Test binaries of `tests/`, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    Kernel,
    Daemon,
    Evasion,
    Budget,
    All,
}

impl Suite {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Kernel => &["kernel"],
            Self::Daemon => &["daemon"],
            Self::Evasion => &["evasion"],
            Self::Budget => &["budget"],
            Self::All => &["kernel", "daemon", "evasion", "budget"],
        }
    }
}

/// One built test binary.
pub struct Binary {
    /// Of the file in `tests/tests`, without its ending.
    pub name: String,
    pub path: PathBuf,
}

/// Builds the daemon, optimised: everything takes ten times as long in a guest. Returns its program.
///
/// # Errors
/// It does not build.
pub fn interlock(repository: &Repository) -> Result<PathBuf> {
    let built = cargo(repository, &["build", "--release", "--package", "interlock", "--bin", "interlock"])?;
    let found = built.into_iter().find(|binary| binary.name == "interlock");
    Ok(found.context("cargo built interlock and does not say where")?.path)
}

/// Builds the benchmarks' program.
///
/// # Errors
/// It does not build.
pub fn bench(repository: &Repository) -> Result<Vec<Binary>> {
    let built = cargo(repository, &["build", "--release", "--package", "interlock-bench", "--bin", "bench"])?;
    Ok(built.into_iter().filter(|binary| binary.name == "bench").collect())
}

/// Builds this program, which is the adversary where it is started as one; optimised, as the daemon.
///
/// # Errors
/// It does not build.
pub fn adversary(repository: &Repository) -> Result<Vec<Binary>> {
    let built = cargo(repository, &["build", "--release", "--package", "xtask", "--bin", "xtask"])?;
    let found = built.into_iter().filter(|binary| binary.name == "xtask");
    Ok(found.map(|binary| Binary { name: "adversary".to_owned(), ..binary }).collect())
}

/// Builds the test binaries.
///
/// # Errors
/// They do not build.
pub fn tests(repository: &Repository, suite: Suite) -> Result<Vec<Binary>> {
    // With the features that the suite's own build has, so that nothing is built twice.
    let mut words = vec!["test", "--no-run", "--workspace"];
    for name in suite.names() {
        words.extend(["--test", *name]);
    }
    let wanted = |binary: &Binary| suite.names().contains(&binary.name.as_str());
    Ok(cargo(repository, &words)?.into_iter().filter(wanted).collect())
}

/// Binary and name of every test whose name contains one of `filters`; of every test where there is none.
///
/// # Errors
/// A binary cannot be started.
pub fn plan(binaries: &[Binary], filters: &[&str]) -> Result<Vec<(String, String)>> {
    let mut plan = Vec::new();
    for binary in binaries {
        let listed = process::answer(Command::new(&binary.path).arg("--list"))?;
        let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let wanted =
            names.filter(|name| filters.is_empty() || filters.iter().any(|part| name.contains(part)));
        plan.extend(wanted.map(|name| (binary.name.clone(), name.to_owned())));
    }
    Ok(plan)
}

fn cargo(repository: &Repository, words: &[&str]) -> Result<Vec<Binary>> {
    let mut command = Command::new("cargo");
    command.current_dir(repository.root()).args(words).args([
        "--quiet",
        "--locked",
        "--message-format",
        "json",
    ]);
    Ok(process::answer(&mut command)?.lines().filter_map(artifact).collect())
}

/// The program that a line of cargo's report is about.
fn artifact(line: &str) -> Option<Binary> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message["executable"].as_str()?.into();
    Some(Binary { name: message["target"]["name"].as_str()?.to_owned(), path })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn programs_are_found_in_cargos_report() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"kernel"},"executable":"/t/kernel-1"}"#;
        let found = artifact(line).unwrap();
        assert_eq!((found.name.as_str(), found.path.as_path()), ("kernel", Path::new("/t/kernel-1")));
        let library = r#"{"reason":"compiler-artifact","target":{"name":"x"},"executable":null}"#;
        assert!(artifact(library).is_none() && artifact("warning: words").is_none());
    }
}
