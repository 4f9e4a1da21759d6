//! `cargo xtask bench`: what Interlock costs and how fast it is, on real parts of this machine.
//!
//! Whatever is compared is measured side by side in one run. Needs root, because the kernel programs are loaded.

mod agent;
mod arena;
mod bound;
mod client;
mod daemon;
mod groups;
mod load;
mod measure;
mod report;
mod server;
mod setup;
mod wait;
mod worker;
mod workload;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};

use arena::Arena;
use groups::{Effort, Group};
use report::Line;

#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    about = "Measures Interlock on this machine",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    /// What to measure; everything where nothing is named
    #[arg(value_name = "NAME")]
    groups: Vec<Group>,
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Fewer rounds: the numbers are rougher
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// What this program is when it started itself.
#[derive(Subcommand)]
enum Part {
    /// A measured process
    #[command(hide = true)]
    Worker,
    /// Names of the workloads of the rules
    #[command(hide = true)]
    Workloads,
    /// Judges facts and nothing else, for a program that counts instructions
    #[command(hide = true)]
    Judge { workload: String, facts: usize },
    /// A program that ends with whoever started it
    #[command(hide = true)]
    Bound {
        #[arg(long)]
        gently: bool,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.part {
        Some(Part::Worker) => worker::run(),
        Some(Part::Workloads) => workloads(),
        Some(Part::Judge { workload, facts }) => judge(workload, *facts),
        Some(Part::Bound { gently, program }) => bound::become_program(*gently, program),
        None => run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the kernel programs can only be loaded by root; use sudo");
    }
    let groups: &[Group] =
        if arguments.groups.is_empty() { Group::value_variants() } else { &arguments.groups };
    let mut lines = Vec::new();
    for group in groups {
        eprintln!("measuring: {group:?}");
        // One group that cannot be measured does not hide the others.
        lines.extend(measure(*group, Effort { quick: arguments.quick }));
    }
    let mut out = io::stdout().lock();
    match arguments.output {
        Output::Table => report::table(&mut out, &lines)?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &lines)?;
            writeln!(out)?;
        }
    }
    if lines.iter().any(|line| line.name.ends_with(FAILED)) {
        bail!("not everything could be measured");
    }
    Ok(())
}

fn workloads() -> Result<()> {
    Ok(workload::names().try_for_each(|name| writeln!(io::stdout(), "{name}"))?)
}

fn judge(workload: &str, facts: usize) -> Result<()> {
    let matches = workload::Workload::named(workload)?.judge(facts);
    writeln!(io::stdout(), "{matches} matches")?;
    Ok(())
}

const FAILED: &str = ": failed";

fn measure(group: Group, effort: Effort) -> Vec<Line> {
    let measured = Arena::new().and_then(|arena| group.measure(&arena, effort));
    measured.unwrap_or_else(|error| {
        let name = format!("{group:?}{FAILED}").to_lowercase();
        vec![Line::not_measured(name, report::Unit::Count, format!("{error:#}"))]
    })
}
