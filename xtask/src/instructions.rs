//! What judging a fact costs in instructions, counted by valgrind, against what is committed in `bench/instructions.toml`:
//! unlike a time, the same on a busy machine.

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    process,
    repository::Repository,
    tally::{Outcome, Tally},
};

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write what is counted into bench/instructions.toml; explain growth in the commit
    #[arg(long)]
    record: bool,
}

const FILE: &str = "bench/instructions.toml";
/// Growth that needs no explanation, in per cent.
const SLACK: u64 = 5;
/// Facts of the two runs of a workload, in whole sessions of it: their difference leaves out the start.
const FACTS: [u64; 2] = [6_400, 64_000];
const VALGRIND: &[&str] =
    &["--tool=cachegrind", "--cache-sim=no", "--branch-sim=no", "--cachegrind-out-file=/dev/null"];

/// Workload → instructions per fact.
type Counts = BTreeMap<String, u64>;

/// Counts, prints the table and compares, or records.
///
/// # Errors
/// A workload fails, or costs more than is committed; names all that do.
pub fn run(repository: &Repository, options: Options) -> Result<Outcome> {
    if process::find("valgrind").is_none() {
        return Ok(Outcome::NotHere("valgrind is missing (Debian: valgrind)".to_owned()));
    }
    let release = compiler()?;
    let file = repository.root().join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("{FILE} cannot be read"))?;
    let mut all = parse(&text)?;
    let before = all.get(&release).cloned();
    if before.is_none() && !options.record {
        return Ok(Outcome::NotHere(format!(
            "{FILE} has no numbers for rustc {release}; `cargo xtask instructions --record` adds them"
        )));
    }
    let before = before.unwrap_or_default();
    let now = count(repository)?;
    print(&before, &now);
    if options.record {
        all.insert(release, now);
        fs::write(&file, render(&text, &all)).with_context(|| format!("{FILE} cannot be written"))?;
        return Ok(Outcome::Ran(Tally::PASSED));
    }
    let found = differences(&before, &now);
    if !found.is_empty() {
        bail!(
            "{}\nIf that is meant: cargo xtask instructions --record, and explain it in the commit",
            found.join("\n")
        );
    }
    Ok(Outcome::Ran(Tally::PASSED))
}

/// `1.95` of `rustc 1.95.0 (…)`: another compiler emits other code.
fn compiler() -> Result<String> {
    let answer = process::answer(Command::new("rustc").arg("--version"))?;
    let version = answer.split(' ').nth(1).with_context(|| format!("rustc calls itself `{answer}`"))?;
    Ok(version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."))
}

fn count(repository: &Repository) -> Result<Counts> {
    process::succeed(Command::new("cargo").current_dir(repository.root()).args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "interlock",
        "--package",
        "interlock-bench",
    ]))?;
    let bench = repository.target().join("release/bench");
    let names = process::answer(Command::new(&bench).arg("workloads"))?;
    let mut counts = Counts::new();
    for name in names.lines() {
        let spent = |facts: u64| -> Result<u64> {
            let mut command = Command::new("valgrind");
            command.args(VALGRIND).arg(&bench).args(["judge", name, &facts.to_string()]);
            references(&process::answer(&mut command)?)
        };
        let [few, many] = FACTS;
        let difference = spent(many)?.checked_sub(spent(few)?);
        let difference = difference.with_context(|| format!("{name}: more facts cost less"))?;
        counts.insert(name.to_owned(), difference / (many - few));
    }
    Ok(counts)
}

/// The number in cachegrind's `==7== I   refs:      1,234`.
fn references(output: &str) -> Result<u64> {
    let number =
        output.lines().find_map(|line| line.split_once("refs:")).map(|(_, number)| number.replace(',', ""));
    let number = number.with_context(|| format!("cachegrind told no number of instructions:\n{output}"))?;
    number
        .trim()
        .parse()
        .with_context(|| format!("cachegrind's number of instructions is `{}`", number.trim()))
}

fn differences(before: &Counts, now: &Counts) -> Vec<String> {
    let grown = now.iter().filter_map(|(name, now)| match before.get(name) {
        None => Some(format!("{name}: not in {FILE}; it has {now}")),
        Some(before) if now * 100 > before * (100 + SLACK) => {
            Some(format!("{name}: {before} instructions a fact before, {now} now (more than {SLACK} % up)"))
        }
        Some(_) => None,
    });
    let gone = before
        .keys()
        .filter(|name| !now.contains_key(*name))
        .map(|name| format!("{name}: in {FILE}, and gone"));
    grown.chain(gone).collect()
}

fn print(before: &Counts, now: &Counts) {
    eprintln!("{:<32} {:>10} {:>10}", "instructions a fact", "committed", "now");
    for (name, now) in now {
        let before = before.get(name).map_or("-".to_owned(), u64::to_string);
        eprintln!("{name:<32} {before:>10} {now:>10}");
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Counts>> {
    toml::from_str(text).with_context(|| format!("{FILE} is not tables of counts"))
}

/// The file anew; the comment at its head stays.
fn render(text: &str, all: &BTreeMap<String, Counts>) -> String {
    let head = text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n"));
    let sections = all.iter().map(|(release, counts)| {
        let lines = counts.iter().map(|(name, count)| format!("{name:?} = {count}\n")).collect::<String>();
        format!("\n[\"{release}\"]\n{lines}")
    });
    head.chain(sections).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(&str, u64)]) -> Counts {
        list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn growth_missing_workloads_and_leftovers_are_told_all_at_once() {
        let before = counts(&[("same", 100), ("grown", 100), ("gone", 1)]);
        let now = counts(&[("same", 105), ("grown", 106), ("fresh", 1)]);
        let found = differences(&before, &now).join("\n");
        for words in ["grown: 100 instructions a fact before, 106 now", "fresh: not in", "gone: in"] {
            assert!(found.contains(words), "{words} is not in: {found}");
        }
        assert_eq!(found.lines().count(), 3, "{found}");
    }

    #[test]
    fn cachegrinds_number_is_read() {
        assert_eq!(references("12 matches\n==7== \n==7== I   refs:      1,234,567\n").unwrap(), 1_234_567);
        assert!(references("valgrind: out of memory\n").unwrap_err().to_string().contains("out of memory"));
    }

    #[test]
    fn what_is_recorded_is_read_again_below_the_same_comment() {
        let all = BTreeMap::from([("1.95".to_owned(), counts(&[("mix, 300 rules", 12), ("open", 3)]))]);
        let text = render("# why\n\n[\"1.95\"]\nopen = 4\n", &all);
        assert!(text.starts_with("# why\n\n[\"1.95\"]\n"), "{text}");
        assert_eq!(parse(&text).unwrap(), all);
    }

    #[test]
    fn a_wrong_file_is_told_by_name_and_line() {
        let error = format!("{:#}", parse("[\"1.95\"]\nopen = -4\n").unwrap_err());
        assert!(error.starts_with(FILE) && error.contains("line 2"), "{error}");
    }
}
