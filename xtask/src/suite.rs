//! `cargo xtask test`: every step in order, all of them even when one fails, and one line at the end.

mod deny;
mod elevation;
pub mod libtest;
mod options;
mod packages;
mod steps;

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    ebpf, fuzz, instructions, kubernetes,
    process::{self, Echo},
    repository::Repository,
    tally::{Outcome, Tally},
    vm,
};
pub use elevation::run_as_root;
use libtest::Report;
pub use options::Options;
use steps::{Action, Portion, STEPS, Step};

/// Runs the suite; failure where anything failed.
///
/// # Errors
/// It cannot begin: not root and no way to become it.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if !process::is_root() {
        return run_as_root(repository);
    }
    let (mut total, mut tests, mut failed) = (Tally::default(), 0, Vec::new());
    for step in STEPS.iter().filter(|step| step.belongs(options)) {
        let tally = perform(step, repository, options);
        if matches!(step.action, Action::Tests(_) | Action::Portions(_)) {
            tests += tally.passed + tally.failed;
        }
        if tally.failed > 0 {
            failed.push(step.name);
        }
        total += tally;
    }
    if let Some(filter) = options.filter.as_ref().filter(|_| tests == 0) {
        eprintln!("no test has `{filter}` in its name");
        total += Tally::FAILED;
    }
    if !failed.is_empty() {
        eprintln!("failed: {}", failed.join("; "));
    }
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Announces, runs and times one step; what keeps it from running is a failure.
fn perform(step: &Step, repository: &Repository, options: &Options) -> Tally {
    eprintln!("── {}", step.name);
    let start = Instant::now();
    let tally = act(&step.action, repository, options).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Tally::FAILED
    });
    eprintln!("   {} in {:.1} s", tally.verdict(), start.elapsed().as_secs_f64());
    tally
}

fn act(action: &Action, repository: &Repository, options: &Options) -> Result<Tally> {
    match *action {
        Action::Command(line) => command(repository, line),
        Action::Tests(line) => tests(repository, line, options.filter.as_deref()),
        Action::Portions(portions) => two_at_a_time(repository, portions, options.filter.as_deref()),
        Action::Packages => packages::ensure(repository),
        Action::Fuzz => fuzz::run(repository, &fuzz::Options::default()).map(|()| Tally::PASSED),
        Action::Deny => deny::check(repository).map(Outcome::tally),
        Action::KernelLints => ebpf::lint(repository).map(|()| Tally::PASSED),
        Action::ObjectRecorded => ebpf::check_recorded(repository).map(|()| Tally::PASSED),
        Action::Guest(guest) => vm::play(repository, &guest).map(Outcome::tally),
        Action::Instructions => {
            instructions::run(repository, instructions::Options::default()).map(Outcome::tally)
        }
        Action::ClusterApi => kubernetes::api(repository).map(Outcome::tally),
        Action::ObjectRebuilt => ebpf::check(repository).map(|()| Tally::PASSED),
    }
}

fn two_at_a_time(repository: &Repository, portions: &[Portion], filter: Option<&str>) -> Result<Tally> {
    let chosen = portions.iter().filter(|portion| portion.belongs(filter.is_some()));
    let parts = chosen.map(|portion| {
        move || {
            let start = Instant::now();
            let tally = tests(repository, &portion.line(filter.is_some()), filter)?;
            eprintln!("   {}: {tally} in {:.1} s", portion.file, start.elapsed().as_secs_f64());
            Ok(tally)
        }
    });
    Tally::side_by_side(2, parts)
}

fn command(repository: &Repository, line: &str) -> Result<Tally> {
    let ended = process::capture(&mut command_of(repository, line)?, Echo::Silent)?;
    if ended.status.success() {
        return Ok(Tally::PASSED);
    }
    eprint!("{}", ended.output);
    eprintln!("`{line}` failed ({})", ended.status);
    Ok(Tally::FAILED)
}

fn tests(repository: &Repository, line: &str, filter: Option<&str>) -> Result<Tally> {
    // It shows everything, so it waits.
    let ended = process::capture(command_of(repository, line)?.args(filter), Echo::Silent)?;
    let Report { mut tally, reasons, rest, binaries } = libtest::read(&ended.output);
    for why in reasons {
        eprintln!("SKIPPED: {why}");
    }
    // One that says nothing of its tests has run none.
    if ended.status.success() && binaries > 0 {
        return Ok(tally);
    }
    eprint!("{rest}");
    eprintln!("`{line}` failed ({})", ended.status);
    tally.failed = tally.failed.max(1); // what does not build has no tests to count
    Ok(tally)
}

fn command_of(repository: &Repository, line: &str) -> Result<Command> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().context("a step of the suite names no program")?);
    command.args(words).current_dir(repository.root());
    Ok(command)
}
