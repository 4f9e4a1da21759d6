//! `cargo xtask kubernetes`: one real node, the chart on it, and agents in pods that are held, decided about and deleted.

mod checks;
mod control;
mod ground;
mod images;
mod node;
mod programs;
mod receiver;
mod release;
mod server;
mod story;
mod workspace;

use std::{fs, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Args;

use self::{checks::Checks, control::Control, ground::Ground, node::Node, programs::Programs};
use crate::{process, repository::Repository};

#[derive(Args, Debug)]
pub struct Options {
    /// Build and unpack the programs of a node, and end
    #[arg(long)]
    prepare: bool,
    /// Bring the node up, print how to reach it, and wait for a line on standard input
    #[arg(long, conflicts_with = "prepare")]
    open: bool,
}

/// # Errors
/// A program cannot be had, or the node does not come up.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    ground::check()?;
    let programs = Programs::ensure(repository)?;
    if options.prepare {
        return Ok(ExitCode::SUCCESS);
    }
    let mut build = std::process::Command::new("cargo");
    build.current_dir(repository.root()).args(["build", "--quiet", "--locked", "--package", "interlock"]);
    process::succeed(&mut build)?;
    ground::enter()?;

    let place = repository.target().join("kubernetes");
    let _ = fs::remove_dir_all(&place); // of an earlier run
    fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    let ground = Ground::lay()?;
    let control = Control::start(&programs, &place.join("control"))?;
    let mut node = Node::start(&programs, &place.join("node"))?;
    images::import(repository, &programs, &node, &place.join("images"))?;
    node.join(&control, &ground)?;
    eprintln!("the node is ready");

    let mut checks = Checks::default();
    if options.open {
        eprintln!("nsenter --target {0} --mount --net env PATH={1} KUBECONFIG={2} bash", std::process::id(), programs.path(), control.kubeconfig("admin").display());
        std::io::stdin().read_line(&mut String::new())?;
        return Ok(ExitCode::SUCCESS);
    }
    story::play(repository, &programs, &control, &place, &mut checks)
        .with_context(|| format!("the kubelet's last words:\n{}", node.log()))?;
    let tally = checks.tally();
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
