//! `cargo xtask agents`: the laboratory of coding agents, a program of `lab/`, beside a daemon of this checkout.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{clients, process, repository::Repository, suite};

/// What the sandbox is made of, and the Debian packages that have it.
const NEEDED: [(&str, &str); 7] = [
    ("bwrap", "bubblewrap"), // the sandboxes of codex and Claude Code
    ("ip", "iproute2"),
    ("socat", "socat"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("curl", "curl"),
    ("git", "git"),
];

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Handed to the laboratory as they are: --only ID, --new, --table, --keep, --output json
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the daemon and the laboratory, and runs it; its exit code is ours.
///
/// # Errors
/// They do not build, a program that is needed cannot be had, there is no way to become root.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository.root());
    let packages = ["--package", "interlock", "--package", "interlock-lab", "--bins"];
    process::succeed(cargo.args(["build", "--quiet", "--locked"]).args(packages))?;
    for (program, package) in NEEDED {
        clients::install(program, package)?;
    }
    let target = repository.target();
    let mut lab = Command::new(target.join("debug/agents"));
    lab.arg("--root").arg(repository.root()).arg("--cache").arg(target.join("lab"));
    lab.arg("--binary").arg(target.join("debug/interlock"));
    let status = lab.args(&options.arguments).status().context("the laboratory cannot be started")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
