//! Licences and sources of what is linked into the userspace (`deny.toml`), by cargo-deny.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{
    process::{self, Echo},
    repository::Repository,
    tally::{Outcome, Tally},
};

/// The release that is installed if there is none.
const RELEASE: &str = "cargo-deny@0.20.2";

/// Everything but the advisories, which a machine without the whole network cannot fetch: `cargo deny check` looks at
/// them as well.
///
/// # Errors
/// cargo-deny cannot be started.
pub fn check(repository: &Repository) -> Result<Outcome> {
    let program = match found(repository) {
        Some(program) => program,
        None => match install(repository)? {
            Ok(program) => program,
            Err(why) => return Ok(Outcome::NotHere(format!("cargo-deny cannot be installed: {why}"))),
        },
    };
    // It looks at what other systems would link as well, which nobody has fetched yet.
    if let Err(why) = repository.fetch("Cargo.toml") {
        return Ok(Outcome::NotHere(format!("the crates of all systems cannot be fetched: {why:#}")));
    }
    let mut command = Command::new(program);
    command
        .args(["--log-level", "error", "check", "bans", "licenses", "sources"])
        .current_dir(repository.root());
    let ended = process::capture(&mut command, Echo::Silent)?;
    if ended.status.success() {
        return Ok(Outcome::Ran(Tally::PASSED));
    }
    eprint!("{}", ended.output);
    Ok(Outcome::Ran(Tally::FAILED))
}

fn found(repository: &Repository) -> Option<PathBuf> {
    let own = repository.target().join("tools/bin/cargo-deny");
    if own.is_file() { Some(own) } else { process::find("cargo-deny") }
}

/// Where it is by now, or cargo's last line on why it is not.
fn install(repository: &Repository) -> Result<Result<PathBuf, String>> {
    let tools = repository.target().join("tools");
    let mut command = Command::new("cargo");
    command
        .args(["install", "--quiet", "--locked", RELEASE, "--root"])
        .arg(&tools)
        .current_dir(repository.root());
    let ended = process::capture(&mut command, Echo::Silent)?;
    if ended.status.success() {
        return Ok(Ok(tools.join("bin/cargo-deny")));
    }
    Ok(Err(ended.output.trim_end().lines().last().unwrap_or("cargo says nothing").to_owned()))
}
