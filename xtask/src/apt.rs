//! Debian packages that this machine lacks.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// Installs what is missing of these programs, each named with its Debian package.
///
/// # Errors
/// It cannot be had; names all of it.
pub fn ensure(needed: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| process::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs Debian packages.
///
/// # Errors
/// They cannot be had.
pub fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if process::find("apt-get").is_none() || !process::is_root() {
        bail!("{names} missing; install them (names are Debian's) and run again");
    }
    eprintln!("installing {names}");
    apt(&["update"]).context("the package lists cannot be fetched")?;
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(packages);
    apt(&words).with_context(|| format!("{names} cannot be installed"))
}

fn apt(words: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").args(words).env("DEBIAN_FRONTEND", "noninteractive");
    process::answer(&mut command).map(drop)
}
