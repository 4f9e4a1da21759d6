//! `cargo xtask mutants`: takes one arm, one statement or one condition out of the decision at a time, and sees that a test
//! fails. What survives must be argued in `xtask/mutants.toml`.
//!
//! It works on a copy of the packages that the decision needs, below `target/mutants`.

mod find;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    process::{self, Echo},
    repository::Repository,
};
use find::Mutant;

/// Where the decision is.
const DECISION: &str = "monitor/core/src/decide";
/// What of the repository its tests need.
const NEEDED: &[&str] = &[
    "Cargo.lock",
    "clippy.toml",
    "docs/rules.md",
    "monitor-common",
    "monitor/core",
    "rules",
    "rustfmt.toml",
];
/// Tests that must fail, the quick ones first.
const TESTS: [&str; 2] = ["decide::", "rule_test::"];
/// Seconds that the tests may take: a mutant may never end.
const LIMIT: &str = "240";

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
    let copy = repository.target().join("mutants");
    copy_sources(root, &copy)?;
    build_once(&copy)?;
    match verdict(&copy)? {
        Verdict::Survived => {}
        Verdict::Noticed => bail!("the tests fail without any change: run `cargo test -p interlock-core`"),
        Verdict::NotBuilt => bail!("the core does not build a second time without any change"),
    }
    let mut survivors = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, mutant) in mutants.iter().enumerate() {
        let started = Instant::now();
        let place = copy.join(&mutant.path);
        let original = fs::read_to_string(&place)?;
        fs::write(&place, mutant.apply(&original)?)?;
        let verdict = verdict(&copy);
        fs::write(&place, original)?;
        let word = match verdict? {
            Verdict::Survived => {
                survivors.push(mutant);
                "SURVIVES"
            }
            Verdict::Noticed => "noticed",
            Verdict::NotBuilt => "does not build",
        };
        *counts.entry(word).or_default() += 1;
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{}/{} {word} in {seconds:.1} s: {mutant}", number + 1, mutants.len());
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    println!("{} mutants: {}", mutants.len(), counts.join(", "));
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

/// A workspace of the core alone. Its files are newer than what was built of the last change of a run before.
fn copy_sources(root: &Path, copy: &Path) -> Result<()> {
    fs::create_dir_all(copy)?;
    for needed in NEEDED {
        let target = copy.join(needed);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        if target.is_dir() {
            fs::remove_dir_all(&target)?;
        }
        process::succeed(Command::new("cp").arg("-r").arg(root.join(needed)).arg(&target))?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let mut manifest: toml::Table = toml::from_str(&manifest)?;
    let workspace = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut);
    let workspace = workspace.context("Cargo.toml has no workspace")?;
    let members = ["monitor/core", "monitor-common"].map(|member| toml::Value::String(member.to_owned()));
    workspace.insert("members".to_owned(), toml::Value::Array(members.to_vec()));
    workspace.remove("default-members");
    fs::write(copy.join("Cargo.toml"), toml::to_string(&manifest)?)?;
    Ok(())
}

/// The first build takes as long as it takes.
fn build_once(copy: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "interlock-core", "--lib", "--no-run"]).current_dir(copy);
    process::succeed(&mut command).context("the core does not build without any change")
}

enum Verdict {
    Survived,
    Noticed,
    NotBuilt,
}

fn verdict(copy: &Path) -> Result<Verdict> {
    let cargo = |words: &[&str]| {
        let mut command = Command::new("timeout");
        command.args([
            LIMIT,
            "cargo",
            "test",
            "--quiet",
            "--offline",
            "--package",
            "interlock-core",
            "--lib",
        ]);
        command.args(words).current_dir(copy).env("RUST_BACKTRACE", "0");
        process::capture(&mut command, Echo::Silent)
    };
    if !cargo(&["--no-run"])?.status.success() {
        return Ok(Verdict::NotBuilt);
    }
    for tests in TESTS {
        if !cargo(&["--", tests])?.status.success() {
            return Ok(Verdict::Noticed);
        }
    }
    Ok(Verdict::Survived)
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
