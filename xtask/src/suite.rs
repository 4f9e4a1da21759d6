//! `cargo xtask test`: every step in order, all of them even when one fails, and one line at the end.

mod elevation;
mod packages;
mod steps;
mod tally;

use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    ebpf,
    process::{self, Echo},
    repository::Repository,
};
use steps::{Action, Runner, STEPS, Step};
use tally::Tally;

#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Only build, and run the tests whose names contain this
    pub filter: Option<String>,
    /// Leave out the rebuild of the kernel object and the release build
    #[arg(long)]
    pub quick: bool,
}

/// Runs the suite; failure where anything failed.
///
/// # Errors
/// It cannot begin: not root and no way to become it.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if !process::is_root() {
        return elevation::run_as_root(repository);
    }
    let runner = Runner::found();
    let mut total = Tally::default();
    for step in STEPS.iter().filter(|step| step.belongs(options, runner)) {
        eprintln!("── {}", step.name);
        let start = Instant::now();
        let outcome = perform(step, repository, options);
        let took = start.elapsed();
        let tally = outcome.unwrap_or_else(|error| {
            eprintln!("{error:#}");
            Tally::FAILED
        });
        eprintln!("   {} in {}", tally.verdict(), seconds(took));
        total += tally;
    }
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn perform(step: &Step, repository: &Repository, options: &Options) -> Result<Tally> {
    match step.action {
        Action::Command(words) => command(repository, words),
        Action::Tests { words, runner, before_filter } => {
            let filter = options.filter.as_ref();
            let mut all: Vec<&str> = words.to_vec();
            if filter.is_some() || !before_filter.is_empty() {
                all.extend(before_filter.iter().copied());
            }
            all.extend(filter.map(String::as_str));
            tests(repository, &all, runner, filter.is_some())
        }
        Action::Packages => packages::ensure(),
        Action::ObjectRecorded => ebpf::check_recorded(repository).map(|()| Tally::PASSED),
        Action::ObjectRebuilt => ebpf::check(repository).map(|()| Tally::PASSED),
    }
}

fn command(repository: &Repository, words: &[&str]) -> Result<Tally> {
    let ended = process::capture(&mut command_of(repository, words)?, Echo::Silent)?;
    if ended.status.success() {
        return Ok(Tally::PASSED);
    }
    eprint!("{}", ended.output);
    eprintln!("`{}` failed ({})", words.join(" "), ended.status);
    Ok(Tally::FAILED)
}

fn tests(repository: &Repository, words: &[&str], runner: Runner, filtered: bool) -> Result<Tally> {
    // nextest shows failures and slow tests as they come; libtest shows everything, so it waits.
    let echo = if runner == Runner::Nextest { Echo::Live } else { Echo::Silent };
    let ended = process::capture(&mut command_of(repository, words)?, echo)?;
    let mut tally = tally::of_output(runner, &ended.output);
    if filtered && runner == Runner::Nextest {
        tally.skipped = 0; // nextest counts what the filter left out
    }
    if ended.status.success() {
        return Ok(tally);
    }
    if echo == Echo::Silent {
        eprint!("{}", ended.output);
    }
    eprintln!("`{}` failed ({})", words.join(" "), ended.status);
    // What does not build has no tests to count.
    tally.failed = tally.failed.max(1);
    Ok(tally)
}

fn command_of(repository: &Repository, words: &[&str]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("a step of the suite names no program")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(repository.root());
    Ok(command)
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
