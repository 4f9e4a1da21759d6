//! `cargo xtask silence`: real work in agent sessions, under the built-in rules, that nothing may stop.
//!
//! Each piece of work is a folder of `xtask/silence`: `work.toml` says what it is and needs, `prepare` runs unwatched,
//! `work` runs as an agent's session. Both find a home full of credentials (`xtask/silence/home`) and a workspace in it.
//! The work must succeed, and the session's events may hold alerts, but nothing that waited, failed or ended by a rule.

mod daemon;
mod debian;
mod judgement;
mod report;
mod running;
mod session;
mod stage;
mod work;

use std::{path::PathBuf, process::Command, process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use clap::Args;

use self::{
    daemon::Daemon,
    report::{Output, Report, Row},
    session::{Outcome, Sessions},
    stage::Stage,
    work::Work,
};
use crate::{process, repository::Repository, suite};

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only the work of this name; can be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// An `interlock` that is there already, instead of a release build of this checkout
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs every piece of work; failure where one was not done, or was not let alone.
///
/// # Errors
/// It cannot begin: a folder of work is wrong, the daemon does not build or start, there is no way to become root.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    let folder = repository.root().join("xtask/silence");
    let works = work::chosen(work::load(&folder)?, &options.only)?;
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    let binary = match &options.binary {
        // It is started in other folders.
        Some(file) => file.canonicalize().with_context(|| format!("{} is not there", file.display()))?,
        None => built(repository)?,
    };
    let daemon = Daemon::start(&binary)?;
    let mut sessions = Sessions::new(&daemon)?;
    let mut report = Report::default();
    for work in &works {
        eprintln!("── {}: {}", work.name, work.about.summary);
        let start = Instant::now();
        let outcome = perform(repository, &mut sessions, work)
            .unwrap_or_else(|error| Outcome::failed(format!("{error:#}")));
        let row = Row::new(work, start.elapsed(), &outcome);
        eprintln!("   {row}");
        report.add(row);
    }
    report.print(options.output)?;
    Ok(if report.is_silent() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What cannot be had is skipped; what cannot be prepared although all is there has failed.
fn perform(repository: &Repository, sessions: &mut Sessions<'_>, work: &Work) -> Result<Outcome> {
    if let Some(why) = work.missing() {
        return Ok(Outcome::Skipped(why));
    }
    let debian = repository.target().join("silence/debian");
    if let Err(error) = debian::unpack(&work.about.debian, &debian) {
        return Ok(Outcome::Skipped(format!("{error:#}")));
    }
    let stage = Stage::new(work, &debian)?;
    let _servers = stage.prepare()?;
    sessions.run(&stage)
}

fn built(repository: &Repository) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository.root());
    process::succeed(cargo.args(["build", "--quiet", "--locked", "--release", "--package", "interlock"]))?;
    Ok(repository.target().join("release/interlock"))
}
