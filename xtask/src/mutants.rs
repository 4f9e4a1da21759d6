//! `cargo xtask mutants`: takes one arm, one statement or one condition out of the decision at a time, and sees that a test
//! fails. What survives must be argued in `xtask/mutants.toml`.
//!
//! All changes are built at once, each behind a switch that a run of the tests turns. One that the compiler refuses so is built
//! alone.

mod copy;
mod find;
mod switches;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repository::Repository;
use copy::{Built, Copy};
use find::Mutant;
use switches::Switched;

/// Where the decision is.
const DECISION: &str = "monitor/core/src/decide";

#[derive(clap::Args)]
pub struct Options {
    /// Only those of files whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// List them and change nothing
    #[arg(long)]
    list: bool,
}

/// Why a test need not notice.
#[derive(Deserialize)]
struct Argued {
    /// `hold.rs`, and what is taken out, as it is listed.
    file: String,
    what: String,
    why: String,
}

#[derive(Deserialize)]
struct Arguments {
    survivors: Vec<Argued>,
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Survives,
    Noticed,
    NotBuilt,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Survives => "SURVIVES",
            Self::Noticed => "noticed",
            Self::NotBuilt => "does not build",
        }
    }
}

/// Failure where something survives that is not argued, or is argued and does not survive.
///
/// # Errors
/// The copy cannot be made, or its tests fail unchanged.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    let root = repository.root();
    let mutants = all(root, options.only.as_deref())?;
    if options.list {
        mutants.iter().for_each(|mutant| println!("{mutant}"));
        println!("{} mutants", mutants.len());
        return Ok(ExitCode::SUCCESS);
    }
    let copy = Copy::of(root, repository.target().join("mutants"))?;
    let verdicts = play(&copy, &mutants)?;
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for verdict in &verdicts {
        *counts.entry(*verdict).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(verdict, count)| format!("{count} {}", verdict.word())).collect();
    println!("{} mutants: {}", mutants.len(), counts.join(", "));
    let survives = |(_, verdict): &(_, &Verdict)| **verdict == Verdict::Survives;
    let survivors: Vec<&Mutant> = mutants.iter().zip(&verdicts).filter(survives).map(|(it, _)| it).collect();
    judge(root, &mutants, &survivors)
}

fn all(root: &Path, only: Option<&str>) -> Result<Vec<Mutant>> {
    let mut files = Vec::new();
    sources(&root.join(DECISION), &mut files)?;
    files.retain(|file| only.is_none_or(|only| file.to_string_lossy().contains(only)));
    files.sort();
    let mut mutants = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        let path = file.strip_prefix(root).context("a file of the decision lies elsewhere")?;
        mutants.extend(find::mutants(path, &text)?);
    }
    Ok(mutants)
}

/// Every source file below a folder, but for tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Plays them all; their verdicts, in their order.
fn play(copy: &Copy, mutants: &[Mutant]) -> Result<Vec<Verdict>> {
    let mut sources: BTreeMap<&Path, String> = BTreeMap::new();
    for mutant in mutants {
        sources.insert(&mutant.path, copy.read(&mutant.path)?);
    }
    let (program, alone) = build_together(copy, mutants, &sources)?;
    if copy.is_noticed(&program, None)? {
        bail!("the tests fail without any change: run `cargo test -p interlock-core`");
    }
    let mut verdicts = vec![Verdict::NotBuilt; mutants.len()];
    for (number, mutant) in mutants.iter().enumerate().filter(|(number, _)| !alone.contains(number)) {
        let started = Instant::now();
        verdicts[number] = verdict(copy.is_noticed(&program, Some(number))?);
        tell(number, mutants, verdicts[number], started, mutant);
    }
    for (path, text) in &sources {
        copy.write(path, text)?;
    }
    for number in alone {
        let (started, mutant) = (Instant::now(), &mutants[number]);
        let text = &sources[&*mutant.path];
        copy.write(&mutant.path, &mutant.apply(text)?)?;
        if let Built::Program(program) = copy.build()? {
            verdicts[number] = verdict(copy.is_noticed(&program, None)?);
        }
        copy.write(&mutant.path, text)?;
        tell(number, mutants, verdicts[number], started, mutant);
    }
    Ok(verdicts)
}

fn verdict(is_noticed: bool) -> Verdict {
    if is_noticed { Verdict::Noticed } else { Verdict::Survives }
}

fn tell(number: usize, mutants: &[Mutant], verdict: Verdict, started: Instant, mutant: &Mutant) {
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{}/{} {} in {seconds:.1} s: {mutant}", number + 1, mutants.len(), verdict.word());
}

/// Builds all changes behind switches; returns the tests' program, and the changes that the compiler refuses there.
fn build_together(
    copy: &Copy,
    mutants: &[Mutant],
    sources: &BTreeMap<&Path, String>,
) -> Result<(PathBuf, BTreeSet<usize>)> {
    let mut alone = BTreeSet::new();
    loop {
        let mut switched: BTreeMap<&Path, Switched> = BTreeMap::new();
        for (path, text) in sources {
            let numbered = mutants.iter().enumerate();
            let of_file = numbered.filter(|(number, it)| it.path == **path && !alone.contains(number));
            let file = Switched::new(text, &of_file.collect::<Vec<_>>());
            copy.write(path, &file.text)?;
            switched.insert(path, file);
        }
        let complaints = match copy.build()? {
            Built::Program(program) => return Ok((program, alone)),
            Built::Failed(complaints) => complaints,
        };
        let before = alone.len();
        let by = complaints.iter().filter_map(|it| switched.get(&*it.path)?.suspect(&it.place()));
        alone.extend(by);
        if alone.len() == before {
            bail!("the core does not build without any change: {complaints:?}");
        }
        eprintln!("{} of {} are built alone", alone.len(), mutants.len());
    }
}

fn judge(root: &Path, mutants: &[Mutant], survivors: &[&Mutant]) -> Result<ExitCode> {
    let text = fs::read_to_string(root.join("xtask/mutants.toml"))?;
    let Arguments { survivors: argued } = toml::from_str(&text).context("xtask/mutants.toml")?;
    let is_about = |argued: &Argued, mutant: &Mutant| mutant.is(&argued.file, &argued.what);
    let mut failed = false;
    for survivor in survivors {
        match argued.iter().find(|argued| is_about(argued, survivor)) {
            Some(Argued { why, .. }) => println!("argued: {survivor}\n    {why}"),
            None => {
                failed = true;
                println!("no test notices: {survivor}");
            }
        }
    }
    for argued in &argued {
        let played = mutants.iter().any(|mutant| is_about(argued, mutant));
        if played && !survivors.iter().any(|survivor| is_about(argued, survivor)) {
            failed = true;
            println!("argued in xtask/mutants.toml, and noticed: {} {}", argued.file, argued.what);
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
