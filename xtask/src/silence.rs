//! `cargo xtask silence`: real work in agent sessions, under the built-in rules, that nothing may stop.
//!
//! `xtask/silence` has a file for each kind of work (`python.toml`, `git.toml` …) and a folder for each piece of work that
//! has files of its own. Both find a home full of credentials (the catalogue's places, and `xtask/silence/home`) and a
//! workspace in it. `prepare` runs unwatched, `work` as an agent's session. The work must succeed, and the session's
//! events may hold one alert, but nothing that waited, failed or ended by a rule.

mod afterwards;
mod daemon;
mod document;
mod home;
mod judgement;
mod message;
mod place;
mod records;
mod report;
mod running;
mod session;
mod tools;
mod work;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Args;

use self::{
    afterwards::Afterwards,
    daemon::Daemon,
    place::Place,
    records::Record,
    report::{Output, Performed, Report, Row},
    session::{Outcome, Sessions},
    tools::{Programs, Tool},
    work::Work,
};
use crate::{debian, process, repository::Repository, suite};

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only the work, or the kind of work, of this name; can be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// An `interlock` that is there already, instead of a release build of this checkout
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Keep the results in xtask/silence/records.jsonl, and write docs/silence.md
    #[arg(long)]
    record: bool,
    /// Run nothing: write docs/silence.md from the results that were kept
    #[arg(long, conflicts_with_all = ["only", "binary", "record"])]
    table: bool,
}

/// Runs every piece of work; failure where one was not done, or was not let alone.
///
/// # Errors
/// It cannot begin: a description of work is wrong, the daemon does not build or start, there is no way to become root.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    let folder = repository.root().join("xtask/silence");
    let all = work::load(&folder)?;
    if options.table {
        write_document(repository, &all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let works = work::chosen(all.clone(), &options.only)?;
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    let binary = match &options.binary {
        // It is started in other folders.
        Some(file) => file.canonicalize().with_context(|| format!("{} is not there", file.display()))?,
        None => built(repository)?,
    };
    let runner = Runner {
        repository,
        folder: &folder,
        programs: Programs::load(&folder.join("programs.toml"))?,
        afterwards: Afterwards::serve()?,
    };
    let daemon = Daemon::start(&binary)?;
    let mut sessions = Sessions::new(&daemon)?;
    let mut report = Report::default();
    for (number, work) in works.iter().enumerate() {
        eprintln!("── {}/{} {}: {}", number + 1, works.len(), work.name(), work.about.summary);
        let start = Instant::now();
        let performed = runner.perform(&mut sessions, work);
        let row = Row::new(work, start.elapsed(), &performed);
        eprintln!("   {row}");
        if options.record {
            record(&folder, &row)?;
        }
        report.add(row);
    }
    if options.record {
        write_document(repository, &all)?;
    }
    report.print(options.output)?;
    Ok(if report.is_silent() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Runner<'r> {
    repository: &'r Repository,
    /// `xtask/silence`.
    folder: &'r Path,
    programs: Programs,
    afterwards: Afterwards,
}

impl Runner<'_> {
    /// What cannot be had is skipped; what cannot be prepared although all is there has failed.
    fn perform(&self, sessions: &mut Sessions<'_>, work: &Work) -> Performed {
        let mut performed = Performed {
            outcome: Outcome::Skipped(String::new()),
            home: String::new(),
            tools: work.uses().map(Tool::to_string).collect(),
        };
        performed.outcome = self
            .outcome(sessions, work, &mut performed)
            .unwrap_or_else(|error| Outcome::failed(format!("{error:#}")));
        performed
    }

    fn outcome(
        &self,
        sessions: &mut Sessions<'_>,
        work: &Work,
        performed: &mut Performed,
    ) -> Result<Outcome> {
        if let Some(why) = work.missing(&self.programs) {
            return Ok(Outcome::Skipped(why));
        }
        let folder = self.repository.target().join("silence");
        let debian = folder.join("debian");
        if let Err(error) = debian::unpack(&work.debian(), &debian) {
            return Ok(Outcome::Skipped(format!("{error:#}")));
        }
        let place = Place::new(work, &debian, &folder.join("cache"))?;
        performed.home = place.home().display().to_string();
        place.furnish(&self.folder.join("home"))?;
        if let Err(error) = place.install() {
            return Ok(Outcome::Skipped(format!("{error:#}")));
        }
        let _servers = place.prepare()?;
        performed.tools = work.uses().map(|tool| self.with_version(&place, &debian, tool)).collect();
        sessions.run(&place, &self.afterwards.script())
    }

    fn with_version(&self, place: &Place<'_>, debian: &Path, tool: &Tool) -> String {
        let version = match tool {
            Tool::Program(name) => place.version(&self.programs, name),
            Tool::Debian(name) => debian::version(name, debian),
            Tool::Package(_) => None, // it is part of its name
        };
        version.map_or_else(|| tool.to_string(), |version| format!("{tool} {version}"))
    }
}

/// At once, so that a run that is ended keeps what it found.
fn record(folder: &Path, row: &Row) -> Result<()> {
    let file = folder.join("records.jsonl");
    let mut records = records::load(&file)?;
    records.insert(row.work.clone(), Record::new(row));
    records::save(&file, &records)
}

/// Records of work that is no more are forgotten.
fn write_document(repository: &Repository, works: &[Work]) -> Result<()> {
    let file = repository.root().join("xtask/silence/records.jsonl");
    let mut records = records::load(&file)?;
    records.retain(|name, _| works.iter().any(|work| work.name() == name));
    records::save(&file, &records)?;
    let page = repository.root().join("docs/silence.md");
    fs::write(&page, document::document(works, &records))
        .with_context(|| format!("{} cannot be written", page.display()))
}

fn built(repository: &Repository) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository.root());
    process::succeed(cargo.args(["build", "--quiet", "--locked", "--release", "--package", "interlock"]))?;
    Ok(repository.target().join("release/interlock"))
}
