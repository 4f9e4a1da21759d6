//! `cargo xtask adversary`: random programs that read a secret and send it, each a session of a daemon that this command
//! starts. Whatever marked bytes arrive at a stub in the place of the control plane are a find; see `docs/adversary.md`.

mod act;
mod arena;
mod check;
mod daemon;
mod grammar;
mod home;
mod left_out;
mod minimise;
mod player;
mod report;
mod round;
mod stub;
mod timeout;
mod worker;
mod world;

use std::{
    fs,
    ops::Range,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    slice,
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result};
use clap::{Args, Parser};

use self::{
    act::{Act, Program},
    daemon::Mode,
    grammar::Drawn,
    left_out::LeftOut,
    report::{Find, Output, Report},
    round::{Place, Round},
};
use crate::{process, repository::Repository, suite, vm};

/// Programs that are played before anything is said.
const BATCH: u64 = 1_000;
/// Programs at a batch's end that touch nothing: one of them must arrive. Not all: a session of which the daemon lost records
/// counts as having touched everything.
const CONTROLS: usize = 3;
/// Finds that are made smaller; of the others the whole program is told.
const MINIMISED: usize = 8;
/// How often a candidate is played: some finds need luck.
const ATTEMPTS: usize = 4;
/// How long a find that is made smaller waits at its end, milliseconds.
const ARRIVAL: u16 = 1_500;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The first program's number; the others follow. Absent: by the clock
    #[arg(long)]
    seed: Option<u64>,
    /// How many programs
    #[arg(long, default_value_t = 2_000)]
    programs: u64,
    /// One program alone
    #[arg(long, value_name = "SEED", conflicts_with = "seed")]
    only: Option<u64>,
    /// Acts as they are printed, instead of a seed: one program, nothing left out
    #[arg(long, value_name = "JSON", conflicts_with_all = ["seed", "only"])]
    acts: Option<String>,
    /// With --only or --acts: how often it is played
    #[arg(long, default_value_t = 20)]
    repeat: u64,
    /// Programs at once
    #[arg(long, default_value_t = 24)]
    workers: usize,
    /// Programs for each daemon
    #[arg(long, default_value_t = 4_000, value_name = "PROGRAMS")]
    round: u64,
    /// An `interlock` that is there already, instead of a release build of this checkout
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// On another kernel, in a virtual machine: the newest Debian kernel of this series
    #[arg(long, value_enum, conflicts_with_all = ["acts", "binary"])]
    kernel: Option<vm::Series>,
    /// With --kernel: added to the kernel's command line
    #[arg(long, default_value = "", requires = "kernel")]
    append: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Whether this process is to be a part of a run, and how that ended.
pub fn requested() -> Option<Result<ExitCode>> {
    let part = match std::env::args().nth(1)?.as_str() {
        player::WORD => player::play(),
        arena::WORKER => worker::work(),
        arena::WORD => arena::serve(),
        IN_A_GUEST => return Some(InAGuest::parse().run()),
        _ => return None,
    };
    Some(part.map(|()| ExitCode::SUCCESS))
}

/// The word that makes this program a run where there is no checkout.
pub const IN_A_GUEST: &str = "adversary-in-a-guest";

#[derive(Parser)]
struct InAGuest {
    _word: String,
    #[command(flatten)]
    options: Options,
}

impl InAGuest {
    fn run(&self) -> Result<ExitCode> {
        let binary = self.options.binary.as_deref().context("a guest has no checkout: --binary FILE")?;
        play(binary, &self.options)
    }
}

/// Plays programs; failure where there is a find, or where so little was played that none means nothing.
///
/// # Errors
/// It cannot begin, the self-check fails, or the daemon ends.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if let Some(kernel) = options.kernel {
        return vm::challenge(repository, kernel, &options.append, &options.for_a_guest());
    }
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    match &options.binary {
        Some(file) => play(file, options),
        None => play(&built(repository)?, options),
    }
}

fn play(binary: &Path, options: &Options) -> Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("interlock-adversary-")
        .tempdir_in("/var/tmp")
        .context("no temporary directory")?;
    // Programs are an ordinary user's.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
        .context("no temporary directory")?;
    let this = std::env::current_exe().context("this program has no path")?;
    let place = Place {
        interlock: round::lay(binary, folder.path(), "interlock")?,
        player: round::lay(&this, folder.path(), "player")?,
        folder: folder.path().to_owned(),
        workers: options.workers.max(1),
    };
    let backend = check::run(&place)?;
    let left_out = LeftOut::load(&backend)?;
    let report = Adversary { place: &place, left_out, options }.play(backend)?;
    report.print(options.output)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    /// The same options, as words for a run in a guest.
    fn for_a_guest(&self) -> Vec<String> {
        let mut words = vec![format!("--programs={}", self.programs), format!("--workers={}", self.workers)];
        words.extend([format!("--round={}", self.round), format!("--repeat={}", self.repeat)]);
        words.extend(self.seed.map(|seed| format!("--seed={seed}")));
        words.extend(self.only.map(|only| format!("--only={only}")));
        words
    }
}

fn built(repository: &Repository) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository.root());
    process::succeed(cargo.args(["build", "--quiet", "--locked", "--release", "--package", "interlock"]))?;
    Ok(repository.target().join("release/interlock"))
}

struct Adversary<'a> {
    place: &'a Place,
    left_out: LeftOut,
    options: &'a Options,
}

impl Adversary<'_> {
    fn play(&self, backend: String) -> Result<Report> {
        let numbers = self.numbers();
        eprintln!("{backend} backend, programs {} to {}", numbers.start, numbers.end.saturating_sub(1));
        let mut report = Report::new(backend, numbers.start);
        let start = Instant::now();
        let mut next = numbers.start;
        while next < numbers.end {
            let end = numbers.end.min(next.saturating_add(self.options.round.max(1)));
            let mut round = Round::begin(self.place, &format!("round{next}"), Mode::Enforce)?;
            while next < end {
                let last = end.min(next + BATCH);
                let drawn = (next..last).map(|number| self.drawn(number)).collect::<Result<_>>()?;
                Self::batch(&mut round, drawn, &mut report)?;
                next = last;
                report.seconds = start.elapsed().as_secs_f64();
                eprintln!("{report}");
            }
        }
        Ok(report)
    }

    /// The numbers of what is played; where it is one program, of its repetitions.
    fn numbers(&self) -> Range<u64> {
        if self.options.only.is_some() || self.options.acts.is_some() {
            return 0..self.options.repeat;
        }
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let first = self.options.seed.unwrap_or_else(|| now().as_secs() * 1_000_000);
        first..first.saturating_add(self.options.programs)
    }

    /// With its seed.
    fn drawn(&self, number: u64) -> Result<(u64, Drawn)> {
        let seed = self.options.only.unwrap_or(number);
        match &self.options.acts {
            None => Ok((seed, grammar::program(seed, &self.left_out))),
            Some(text) => {
                let program = act::decode(text).context("--acts is no list of acts as finds are printed")?;
                Ok((seed, Drawn { program, left_out: Vec::new() }))
            }
        }
    }

    fn batch(round: &mut Round, drawn: Vec<(u64, Drawn)>, report: &mut Report) -> Result<()> {
        let mut programs: Vec<Program> = drawn.iter().map(|(_, drawn)| drawn.program.clone()).collect();
        programs.extend((0..CONTROLS).map(|_| check::control()));
        let batch = round.play(&programs)?;
        let mut controls = batch.played.iter().rev().take(CONTROLS);
        if !controls.any(|(_, arrived)| *arrived) {
            check::still_arrives(round)?;
        }
        let late =
            |acts| Find { seed: None, why: "marked bytes arrived late".to_owned(), acts, smallest: None };
        report.finds.extend(batch.late.into_iter().map(late));
        for ((seed, drawn), (played, arrived)) in drawn.into_iter().zip(batch.played) {
            report.count(&drawn, &played, arrived);
            if arrived && report.finds.iter().all(|find| find.acts != drawn.program) {
                let touched = if played.was("secret-read") { "" } else { ", and the touch was not reported" };
                let why = format!("marked bytes arrived{touched}");
                eprintln!("FIND: seed {seed}: {why}: {}", act::encode(&drawn.program));
                report.finds.push(Find { seed: Some(seed), why, acts: drawn.program, smallest: None });
            }
        }
        for find in report.finds.iter_mut().take(MINIMISED).filter(|find| find.smallest.is_none()) {
            let smallest = smallest(round, &find.acts)?;
            let program = smallest.as_deref().map_or_else(|| "not seen again".to_owned(), act::encode);
            eprintln!("FIND: smallest: {program}");
            find.smallest = Some(smallest);
        }
        Ok(())
    }
}

/// `None` where it was not seen again. Every attempt has time to arrive at its end: so less of it is luck.
fn smallest(round: &mut Round, acts: &Program) -> Result<Option<Program>> {
    let waiting = |acts: &Program| [acts.as_slice(), &[Act::Await(ARRIVAL)]].concat();
    if round.arrive(&[waiting(acts)], ATTEMPTS)? == [true] {
        let finds = |candidates: &[Program]| {
            round.arrive(&candidates.iter().map(waiting).collect::<Vec<_>>(), ATTEMPTS)
        };
        return minimise::minimise(acts, finds).map(|smallest| Some(waiting(&smallest)));
    }
    if round.arrive(slice::from_ref(acts), ATTEMPTS * 4)? == [true] {
        return minimise::minimise(acts, |candidates| round.arrive(candidates, ATTEMPTS * 4)).map(Some);
    }
    Ok(None)
}
