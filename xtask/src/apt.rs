//! Debian packages that this machine lacks.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// Installs Debian packages.
///
/// # Errors
/// They cannot be had.
pub fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if process::find("apt-get").is_none() {
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
