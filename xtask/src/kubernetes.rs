//! `cargo xtask kubernetes`: one real node, the chart on it, and agents in pods that are held, decided about and deleted.

mod admission;
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

use std::{
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use clap::Args;

use self::{
    checks::Checks,
    control::{Control, Extent},
    ground::Ground,
    node::Node,
    programs::Programs,
    release::Release,
};
use crate::{
    process::{self, Echo},
    repository::Repository,
    tally::{Outcome, Tally},
};

#[derive(Args, Debug)]
pub struct Options {
    /// Build and unpack the programs of a node, and end
    #[arg(long)]
    prepare: bool,
    /// Only the API server: what it takes of the chart, and whom its policies refuse
    #[arg(long)]
    api: bool,
    /// Bring the node up, print how to reach it, and wait for a line on standard input
    #[arg(long, conflicts_with = "prepare")]
    open: bool,
}

/// # Errors
/// A program cannot be had, or the node does not come up.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    ground::check()?;
    let programs = Programs::ensure(repository, !options.api)?;
    if options.prepare {
        return Ok(ExitCode::SUCCESS);
    }
    if !options.api {
        let mut build = Command::new("cargo");
        build.current_dir(repository.root()).args(["build", "--quiet", "--locked", "--package", "interlock"]);
        process::succeed(build.args(["--features", "kubernetes"]))?;
    }
    ground::enter()?;

    let place = repository.target().join("kubernetes");
    let _ = fs::remove_dir_all(&place); // of an earlier run
    fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    let ground = Ground::lay()?;
    let program = repository.target().join("debug/interlock");
    let extent = if options.api { Extent::Api } else { Extent::Whole };
    let control = Control::start(&programs, &program, &place.join("control"), extent)?;
    let release = Release::new(repository, &programs, &control, &place)?;
    let mut checks = Checks::default();
    if options.api {
        release::prepare(&control)?;
        checks.see("the API server takes every object of the chart", release.dry_run());
        checks.see("and of the base of kustomize", release::apply_base(repository, &control));
        admission::check(&control, &mut checks)?;
    } else {
        let mut node = Node::start(&programs, &place.join("node"))?;
        images::import(repository, &program, &programs, &node, &place.join("images"))?;
        node.join(&control, &ground)?;
        eprintln!("the node is ready");
        if options.open {
            return open(&programs, &control);
        }
        let told = story::play(&release, &control, &mut checks);
        told.with_context(|| format!("the kubelet's last words:\n{}", node.log()))?;
    }
    let tally = checks.tally();
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `--api` checks, as a step of the suite; not where it takes half an hour of building first.
///
/// # Errors
/// It cannot be started.
pub fn api(repository: &Repository) -> Result<Outcome> {
    if !Programs::are_there(repository) {
        return Ok(Outcome::NotHere(
            "no API server was built here; `cargo xtask kubernetes --api` builds one and keeps it".to_owned(),
        ));
    }
    let mut own = Command::new(std::env::current_exe().context("the path of this program")?);
    let ended = process::capture(own.args(["kubernetes", "--api"]), Echo::Silent)?;
    if !ended.status.success() {
        eprint!("{}", ended.output);
    }
    let passed = ended.output.lines().filter(|line| line.starts_with("ok ")).count() as u64;
    Ok(Outcome::Ran(Tally { passed, failed: u64::from(!ended.status.success()), skipped: 0 }))
}

fn open(programs: &Programs, control: &Control) -> Result<ExitCode> {
    let (own, path) = (std::process::id(), programs.path());
    let config = control.kubeconfig("admin");
    eprintln!("nsenter --target {own} --mount --net env PATH={path} KUBECONFIG={} bash", config.display());
    std::io::stdin().read_line(&mut String::new())?;
    Ok(ExitCode::SUCCESS)
}
