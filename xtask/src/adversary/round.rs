//! A round: one daemon, one arena, and the programs that are played there. Flows that nobody let through stay in a daemon's
//! tables for a long time, so a run has several rounds.

use std::{
    collections::BTreeMap,
    io::{BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{
    act::Program,
    arena::{self, Played, Report, Setup},
    daemon::{Daemon, Mode},
    worker::{Job, Setting},
};

/// Programs and places of a run.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where an ordinary user can run them.
    pub interlock: PathBuf,
    pub player: PathBuf,
    pub folder: PathBuf,
    pub workers: usize,
}

pub struct Round {
    // Dropped from the top: nothing that was held may arrive because its daemon has gone.
    arena: Arena,
    daemon: Daemon,
    played: u32,
    /// By number, for what arrives late.
    programs: BTreeMap<u32, Program>,
}

impl Round {
    /// # Errors
    /// The daemon or the arena cannot be started.
    pub fn begin(place: &Place, name: &str, mode: Mode) -> Result<Self> {
        let folder = place.folder.join(name);
        let daemon = Daemon::start(&place.interlock, &folder, mode)?;
        let worker = |number: usize| Setting {
            interlock: place.interlock.clone(),
            player: place.player.clone(),
            socket: daemon.socket(),
            home: folder.join(format!("home{number}")),
        };
        let setup = Setup { workers: (0..place.workers).map(worker).collect(), events: daemon.events() };
        Ok(Self { arena: Arena::start(&setup)?, daemon, played: 0, programs: BTreeMap::new() })
    }

    /// # Errors
    /// The daemon does not say.
    pub fn backend(&self) -> Result<String> {
        self.daemon.backend()
    }

    /// Plays all of them, several at once; what became of each, in their order.
    ///
    /// # Errors
    /// The arena fails, or the daemon has ended.
    pub fn play(&mut self, programs: &[Program]) -> Result<Batch> {
        let first = self.played + 1;
        let jobs: Vec<Job> =
            (first..).zip(programs).map(|(number, acts)| Job { number, acts: acts.clone() }).collect();
        let report = self.arena.play(&jobs)?;
        ensure!(report.played.len() == programs.len(), "the arena played too little");
        self.daemon.is_there()?;
        self.played += u32::try_from(programs.len()).context("too many programs")?;
        self.programs.extend(jobs.into_iter().map(|job| (job.number, job.acts)));
        let late = report.arrived.iter().filter(|number| **number < first);
        let late = late.filter_map(|number| self.programs.remove(number)).collect();
        for number in report.arrived.range(first..) {
            self.programs.remove(number);
        }
        let played = report.played.into_iter().map(|played| {
            let arrived = report.arrived.contains(&played.number);
            (played, arrived)
        });
        Ok(Batch { played: played.collect(), late })
    }

    /// Whether each of them has its marked bytes arrive, in one of several attempts: what is lost once in a race is found in
    /// another.
    ///
    /// # Errors
    /// As [`Round::play`].
    pub fn arrive(&mut self, programs: &[Program], attempts: usize) -> Result<Vec<bool>> {
        let repeated: Vec<Program> = (0..attempts).flat_map(|_| programs.iter().cloned()).collect();
        let batch = self.play(&repeated)?;
        let arrived =
            |at: usize| batch.played.iter().skip(at).step_by(programs.len()).any(|(_, arrived)| *arrived);
        Ok((0..programs.len()).map(arrived).collect())
    }
}

/// What became of some programs.
pub struct Batch {
    /// In order; with whether the marked bytes arrived.
    pub played: Vec<(Played, bool)>,
    /// Programs of earlier batches whose marked bytes arrived only now.
    pub late: Vec<Program>,
}

struct Arena {
    child: Child,
    jobs: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
}

impl Arena {
    fn start(setup: &Setup) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe().context("this program has no path")?)
            .arg(arena::WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the arena cannot be started")?;
        let (mut jobs, results) = arena::pipes(&mut child)?;
        writeln!(jobs, "{}", serde_json::to_string(setup)?).context("the arena has ended")?;
        Ok(Self { child, jobs, results })
    }

    fn play(&mut self, jobs: &[Job]) -> Result<Report> {
        writeln!(self.jobs, "{}", serde_json::to_string(jobs)?).context("the arena has ended")?;
        let line =
            self.results.next().context("the arena has ended")?.context("the arena cannot be heard")?;
        serde_json::from_str(&line).context("the arena's answer is wrong")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// Copies a program to where an ordinary user can run it.
///
/// # Errors
/// It cannot be copied.
pub fn lay(program: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let to = folder.join(name);
    std::fs::copy(program, &to).with_context(|| format!("{} cannot be copied", program.display()))?;
    Ok(to)
}
