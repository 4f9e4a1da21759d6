//! `lab`: runs clients, compares, writes the table. `cargo xtask clients` starts it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use interlock_core::catalog::Catalog;
use interlock_lab::{
    bench::{self, Bench},
    client::{self, Client},
    coverage::{Coverage, Reasons},
    install::Cache,
    judge::Judge,
    list,
    measure::Measured,
    records::{self, Records},
    table,
};

#[derive(Parser)]
#[command(name = "cargo xtask clients", about = "Runs real clients and compares them with the catalogue")]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only this client; can be given again
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Only clients that were never run, or in another version
    #[arg(long)]
    new: bool,
    /// Run nothing: judge what was measured, and write the table
    #[arg(long)]
    table: bool,
    /// Keep each run's trace, home and output
    #[arg(long)]
    keep: bool,
    /// Clients that run at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// The repository
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    root: PathBuf,
    /// Where clients are installed, instead of target/lab
    #[arg(long, value_name = "DIRECTORY")]
    cache: Option<PathBuf>,
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
    let list = fs::read_to_string(file("lab/clients.yaml")).context("lab/clients.yaml cannot be read")?;
    let clients = client::read(&list).context("lab/clients.yaml")?;
    let mut records: Records = records::load(&file("lab/measured.jsonl"))?;
    let is_known = |client: &Client| {
        let known = records.get(&client.id);
        known.is_some_and(|known| known.version == client.version() && known.skipped.is_none())
    };
    let chosen = list::chosen(&clients, &arguments.only, arguments.new, is_known)?;
    let catalog = Catalog::builtin().context("the catalogue has mistakes")?;
    let judge = Judge { catalog: &catalog };
    if !arguments.table {
        let cache = arguments.cache.clone().unwrap_or_else(|| file("target/lab"));
        let bench = Bench {
            cache: Cache::new(&cache)?,
            program: std::env::current_exe().context("this program has no path")?,
            keep: arguments.keep,
        };
        measure(&bench, &chosen, arguments.jobs, &mut records, &file("lab/measured.jsonl"))?;
    }
    records.retain(|id, _| clients.iter().any(|client| client.id == *id));
    records::save(&file("lab/measured.jsonl"), &records)?;
    let reasons = match fs::read_to_string(file("lab/unconfirmed.yaml")) {
        Ok(text) => Reasons::read(&text).context("lab/unconfirmed.yaml")?,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Reasons::default(),
        Err(why) => return Err(why).context("lab/unconfirmed.yaml cannot be read"),
    };
    fs::write(file("docs/clients.md"), table::document(&clients, &records, &reasons, &judge)?)
        .context("docs/clients.md cannot be written")?;
    coverage(&Coverage::new(&records, &reasons, &judge));
    report(&chosen, &records, &judge)
}

/// Measures all of them, several at a time, and keeps each as soon as it is known.
fn measure(bench: &Bench, chosen: &[&Client], jobs: usize, records: &mut Records, file: &Path) -> Result<()> {
    let left = Mutex::new(chosen.iter().copied());
    let known = Mutex::new(records);
    let work = || -> Result<()> {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(client) = next else { return Ok(()) };
            let measured = bench.measure(client).with_context(|| format!("client `{}`", client.id))?;
            let mut records = known.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("{}", summary(&measured));
            records.insert(client.id.clone(), measured);
            records::save(file, &records)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a worker of the laboratory panicked"),
        })
    })
}

fn summary(measured: &Measured) -> String {
    if let Some(why) = &measured.skipped {
        return format!(
            "SKIPPED {} {}: {}",
            measured.id,
            measured.version,
            why.lines().last().unwrap_or_default()
        );
    }
    let opened = measured.stores.iter().filter(|place| place.opened && place.own).count();
    let own = measured.stores.iter().filter(|place| place.own).count();
    let api = measured.hosts.iter().filter(|host| host.role == interlock_lab::measure::Role::Api).count();
    let exit = measured.exit.map_or_else(|| "ended by us".to_owned(), |code| format!("exit {code}"));
    format!(
        "{} {}: {exit}, {opened} of {own} stores read, {api} hosts got the login",
        measured.id, measured.version
    )
}

/// How much of the catalogue the records confirm, and what of it needs a reason or has one too many.
fn coverage(coverage: &Coverage) {
    for (what, part) in [("stores", &coverage.stores), ("endpoints", &coverage.endpoints)] {
        println!("{} of {} kinds of {what} confirmed by a run", part.confirmed.len(), part.entries);
        if !part.open.is_empty() {
            println!("  without a reason in lab/unconfirmed.yaml: {}", list(&part.open));
        }
        if !part.stale.is_empty() {
            println!("  with a reason that they do not need, or with two: {}", list(&part.stale));
        }
    }
}

fn list(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// One line per difference; the exit code says whether there is one.
fn report(chosen: &[&Client], records: &Records, judge: &Judge<'_>) -> Result<ExitCode> {
    let (mut ran, mut skipped, mut found) = (0, 0, 0);
    for client in chosen {
        match records.get(&client.id) {
            Some(measured) if measured.shows_something() => {
                ran += 1;
                for difference in judge.differences(measured, Some(client))? {
                    found += 1;
                    println!("{difference}");
                }
            }
            _ => skipped += 1,
        }
    }
    println!("{ran} clients measured, {skipped} skipped, {found} differences");
    Ok(list::answer(ran, found))
}
