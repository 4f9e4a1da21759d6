//! `cargo xtask clients`: the client laboratory, a program of its own (`lab/`) because it needs the daemon's library.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{process, repository::Repository, suite};

/// What the sandbox is made of, and the Debian packages that have it.
const NEEDED: [(&str, &str); 3] = [("strace", "strace"), ("ip", "iproute2"), ("unshare", "util-linux")];

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Handed to the laboratory as they are: --only ID, --new, --table, --keep, --jobs N
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the laboratory and runs it; its exit code is ours.
///
/// # Errors
/// It does not build, a program that it needs cannot be had, there is no way to become root.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository.root());
    process::succeed(cargo.args(["build", "--quiet", "--locked", "--package", "interlock-lab"]))?;
    for (program, package) in NEEDED {
        install(program, package)?;
    }
    let mut lab = Command::new(repository.target().join("debug/lab"));
    lab.arg("--root").arg(repository.root()).arg("--cache").arg(repository.target().join("lab"));
    let status = lab.args(&options.arguments).status().context("the laboratory cannot be started")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Installs a Debian package where its program is missing.
///
/// # Errors
/// It cannot be had.
pub fn install(program: &str, package: &str) -> Result<()> {
    if process::find(program).is_some() {
        return Ok(());
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["--quiet", "install", "--yes", "--no-install-recommends", package]);
    process::answer(&mut apt).with_context(|| format!("{program} is missing and cannot be installed"))?;
    Ok(())
}
