//! `cargo xtask fuzz`: plays the corpus of every fuzz target, and sees that it still reaches as much of our code as it did: a
//! target that went blind fails. `--grow` fuzzes first.

pub mod compiler;
mod corpus;
mod floors;
mod grow;
mod programs;

use anyhow::{Result, bail, ensure};

use crate::repository::Repository;
use floors::{Floors, Reached};
use grow::Builds;
use programs::{Profile, Programs};

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Options {
    /// Fuzz each target for so long first; what is found, made small, joins its corpus
    #[arg(long, value_name = "SECONDS")]
    grow: Option<u64>,
    /// Only this target
    #[arg(long, value_name = "TARGET")]
    only: Option<String>,
    /// Write what is reached into fuzz/floors.toml; explain in the commit why it is less
    #[arg(long)]
    record: bool,
}

/// Plays, prints the table and compares, or records.
///
/// # Errors
/// A target does not build, fails on an input, reaches too little, or has no corpus; a corpus has no target. Names all of them.
pub fn run(repository: &Repository, options: &Options) -> Result<()> {
    let root = repository.root();
    let all = programs::targets(root)?;
    let chosen: Vec<String> = all
        .iter()
        .filter(|target| options.only.as_ref().is_none_or(|only| only == *target))
        .cloned()
        .collect();
    ensure!(!chosen.is_empty(), "there is no such target; there are {}", all.join(", "));
    let floors = floors::read(root)?;
    let counting = Programs::build(repository, Profile::Dev)?;
    let mut problems = Vec::new();
    let counting = match options.grow {
        None => counting,
        Some(seconds) => {
            let builds = Builds { fast: Programs::build(repository, Profile::Release)?, counting };
            for target in &chosen {
                problems.extend(grow::grow(repository, &builds, target, seconds)?);
            }
            builds.counting
        }
    };
    problems.extend(corpus::strays(root, &all)?);
    problems.extend(
        floors
            .keys()
            .filter(|name| !all.contains(name))
            .filter(|_| !options.record)
            .map(|name| format!("{name}: in {}, and no target", floors::FILE)),
    );
    let reached = play(repository, &counting, &chosen, &floors, &mut problems)?;
    if options.record {
        floors::record(root, &reached, &all)?;
    } else {
        let fallen = floors::problems(&floors, &reached);
        if !fallen.is_empty() {
            problems.extend(fallen);
            problems
                .push("If that is meant: cargo xtask fuzz --record, and explain it in the commit".to_owned());
        }
    }
    if problems.is_empty() { Ok(()) } else { bail!("{}", problems.join("\n")) }
}

/// What each target with a sound corpus reaches.
fn play(
    repository: &Repository,
    counting: &Programs,
    targets: &[String],
    floors: &Floors,
    problems: &mut Vec<String>,
) -> Result<Reached> {
    eprintln!("{:<14} {:>6} {:>8} {:>8} {:>8}", "regions of ours", "inputs", "recorded", "floor", "now");
    let mut reached = Reached::new();
    for target in targets {
        let folder = repository.root().join(corpus::FOLDER).join(target);
        let inputs = corpus::inputs(&folder)?;
        if let Some(problem) = corpus::problem(target, &inputs) {
            problems.push(problem);
            continue;
        }
        match counting.regions(target, &folder) {
            Ok(now) => {
                let before = floors.get(target);
                let told = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
                let (recorded, floor) =
                    (before.map(|before| before.covered), before.map(|before| before.floor));
                eprintln!(
                    "{target:<15} {:>6} {:>8} {:>8} {now:>8}",
                    inputs.len(),
                    told(recorded),
                    told(floor)
                );
                reached.insert(target.clone(), now);
            }
            Err(error) => problems.push(format!("{error:#}")),
        }
    }
    Ok(reached)
}
