//! `agents`: runs coding agents, compares, writes the table. `cargo xtask agents` starts it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use interlock_core::catalog::Catalog;
use interlock_lab::{
    agents::{
        agent::{self, Agent},
        daemon::Daemon,
        judge::{Difference, Judge},
        measure::Measured,
        table,
        trial::Trials,
    },
    bench,
    install::Cache,
    list,
    records::{self, Records},
};
use serde_json::json;

#[derive(Parser)]
#[command(name = "cargo xtask agents", about = "Runs real coding agents beside a real daemon, and compares")]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only this agent; can be given again
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Only agents that were never run, or in another version
    #[arg(long)]
    new: bool,
    /// Run nothing: judge what was measured, and write the table
    #[arg(long)]
    table: bool,
    /// Keep each run's home, output and events
    #[arg(long)]
    keep: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The repository
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    root: PathBuf,
    /// Where agents are installed, instead of target/lab
    #[arg(long, value_name = "DIRECTORY")]
    cache: Option<PathBuf>,
    /// The daemon's program, instead of target/debug/interlock
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

#[derive(Subcommand)]
enum Verb {
    /// Plays one run; for the laboratory itself
    #[command(hide = true)]
    Play { plan: PathBuf },
}

fn main() -> ExitCode {
    list::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(Verb::Play { plan }) = &arguments.verb {
        bench::play(plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = |name: &str| arguments.root.join(name);
    let list = fs::read_to_string(file("lab/agents.yaml")).context("lab/agents.yaml cannot be read")?;
    let agents = agent::read(&list).context("lab/agents.yaml")?;
    let kept = file("lab/agents-measured.jsonl");
    let mut records: Records<Measured> = records::load(&kept)?;
    let is_known = |agent: &Agent| {
        let known = records.get(&agent.id);
        known.is_some_and(|known| known.version == agent.version() && known.skipped.is_none())
    };
    let chosen = list::chosen(&agents, &arguments.only, arguments.new, is_known)?;
    let catalog = Catalog::builtin().context("the catalogue has mistakes")?;
    let judge = Judge { catalog: &catalog };
    if !arguments.table {
        measure(arguments, &chosen, &mut records, &kept)?;
    }
    records.retain(|id, _| agents.iter().any(|agent| agent.id == *id));
    records::save(&kept, &records)?;
    fs::write(file("docs/agents.md"), table::document(&agents, &records, &judge)?)
        .context("docs/agents.md cannot be written")?;
    report(&chosen, &records, &judge, arguments.output)
}

/// One after the other: the daemon's events are told apart by their time. Each is kept as soon as it is known.
fn measure(
    arguments: &Arguments,
    chosen: &[&Agent],
    records: &mut Records<Measured>,
    kept: &Path,
) -> Result<()> {
    let file = |name: &str| arguments.root.join(name);
    let binary = arguments.binary.clone().unwrap_or_else(|| file("target/debug/interlock"));
    let binary = binary.canonicalize().with_context(|| format!("{} is not built", binary.display()))?;
    let daemon = Daemon::start(&binary)?;
    let scratch = tempfile::Builder::new()
        .prefix("agents-")
        .tempdir_in("/var/tmp")
        .context("no temporary directory")?;
    // Agents run as a user of their own.
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))
        .context("no temporary directory")?;
    let trials = Trials {
        scratch: scratch.path().to_owned(),
        cache: Cache::new(&arguments.cache.clone().unwrap_or_else(|| file("target/lab")))?,
        program: std::env::current_exe().context("this program has no path")?,
        daemon: &daemon,
        keep: arguments.keep,
    };
    for agent in chosen {
        let measured = trials.measure(agent).with_context(|| format!("agent `{}`", agent.id))?;
        eprintln!("{}", summary(&measured));
        records.insert(agent.id.clone(), measured);
        records::save(kept, records)?;
    }
    if arguments.keep {
        eprintln!("the runs are kept in {}", scratch.keep().display());
    }
    Ok(())
}

fn summary(measured: &Measured) -> String {
    let name = format!("{} {}", measured.id, measured.version);
    if let Some(why) = &measured.skipped {
        return format!("SKIPPED {name}: {}", why.lines().last().unwrap_or_default());
    }
    let runs = measured.runs.iter().map(|(kind, run)| {
        format!(
            "{kind}: {} sessions, {} commands, {} stopped",
            run.sessions.len(),
            run.commands,
            run.stopped.len()
        )
    });
    format!("{name}: {}", runs.collect::<Vec<_>>().join("; "))
}

/// One line per difference; the exit code says whether there is one.
fn report(
    chosen: &[&Agent],
    records: &Records<Measured>,
    judge: &Judge<'_>,
    output: Output,
) -> Result<ExitCode> {
    let (mut ran, mut skipped) = (0, 0);
    let mut found: Vec<Difference> = Vec::new();
    for agent in chosen {
        match records.get(&agent.id).filter(|measured| measured.skipped.is_none()) {
            Some(measured) => {
                ran += 1;
                found.extend(judge.differences(measured, agent));
            }
            None => skipped += 1,
        }
    }
    match output {
        Output::Json => {
            let known: Vec<&Measured> = chosen.iter().filter_map(|agent| records.get(&agent.id)).collect();
            println!(
                "{}",
                serde_json::to_string_pretty(&json!({ "measured": known, "differences": found }))?
            );
        }
        Output::Table => {
            found.iter().for_each(|difference| println!("{difference}"));
            println!("{ran} agents measured, {skipped} skipped, {} differences", found.len());
        }
    }
    Ok(list::answer(ran, found.len()))
}
