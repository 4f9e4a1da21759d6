//! The ways to stop a tree, beside each other on one tree: SIGSTOP to each, the freezer of a group that everybody is moved into, and that
//! of a group that everybody was born in. The daemon's own freeze, a mix of the first two, is measured on the same tree.
//!
//! None of these has the kernel programs' help, which stop whoever forks meanwhile.

use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use interlock_host::enforcement::freezer::Hierarchy;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// A way that takes longer has not stopped the tree.
const LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Signals,
    MovedIn,
    BornIn,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Signals, Self::MovedIn, Self::BornIn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Signals => "SIGSTOP to each",
            Self::MovedIn => "freezer, each moved in",
            Self::BornIn => "freezer of a group they were born in",
        }
    }
}

/// A group of the bench's own, which a tree grows up in.
pub struct Grove(PathBuf);

impl Grove {
    /// Moves the process in; what it starts from then on is born there.
    ///
    /// # Errors
    /// There is no cgroup v2, or no right to it.
    pub fn around(pid: u32) -> Result<Self> {
        let hierarchy = Hierarchy::of_this_machine().context("there is no cgroup v2 here")?;
        let own = hierarchy.directory_of(std::process::id()).context("this process has no group")?;
        let grove = Self(own.join(format!("interlock-bench-{}-{pid}", std::process::id())));
        fs::create_dir(&grove.0).context("no group can be made")?;
        write(&grove.0.join("cgroup.procs"), &pid.to_string())?;
        Ok(grove)
    }

    /// How long it took until nobody ran, and how many may still do; everybody runs again afterwards.
    ///
    /// # Errors
    /// The group cannot be read or written.
    pub fn stop(&self, way: Way) -> Result<(Duration, usize)> {
        let begun = Instant::now();
        let left = match way {
            Way::Signals => self.signal_each(begun)?,
            Way::MovedIn => self.move_each(begun)?,
            Way::BornIn => freeze(&self.0, begun)?,
        };
        let took = begun.elapsed();
        self.undo(way)?;
        Ok((took, left))
    }

    fn signal_each(&self, begun: Instant) -> Result<usize> {
        let (mut seen, mut moving) = (HashSet::new(), Vec::new());
        loop {
            let newcomers: Vec<u32> =
                processes(&self.0)?.into_iter().filter(|pid| seen.insert(*pid)).collect();
            newcomers.iter().for_each(|pid| send(*pid, Signal::STOP));
            moving.extend(&newcomers);
            moving.retain(|pid| !stands(*pid));
            if (newcomers.is_empty() && moving.is_empty()) || begun.elapsed() > LIMIT {
                return Ok(moving.len() + newcomers.len());
            }
            std::thread::yield_now();
        }
    }

    fn move_each(&self, begun: Instant) -> Result<usize> {
        let inner = self.inner();
        fs::create_dir(&inner).context("no group can be made")?;
        write(&inner.join("cgroup.freeze"), "1")?;
        let mut door = OpenOptions::new().write(true).open(inner.join("cgroup.procs"))?;
        loop {
            let outside = processes(&self.0)?;
            if outside.is_empty() || begun.elapsed() > LIMIT {
                return Ok(outside.len() + until_frozen(&inner, begun)?);
            }
            for pid in outside {
                let _ = door.write(pid.to_string().as_bytes()); // it has ended
            }
        }
    }

    fn undo(&self, way: Way) -> Result<()> {
        match way {
            Way::Signals => processes(&self.0)?.into_iter().for_each(|pid| send(pid, Signal::CONT)),
            Way::BornIn => write(&self.0.join("cgroup.freeze"), "0")?,
            Way::MovedIn => {
                let mut door = OpenOptions::new().write(true).open(self.0.join("cgroup.procs"))?;
                // Whoever is still inside stands, and forks nobody.
                wait::until("everybody has left the frozen group", LIMIT, || {
                    for pid in processes(&self.inner())? {
                        let _ = door.write(pid.to_string().as_bytes()); // it has ended
                    }
                    Ok(fs::remove_dir(self.inner()).map_err(|error| error.to_string()))
                })?;
            }
        }
        Ok(())
    }

    fn inner(&self) -> PathBuf {
        self.0.join("frozen")
    }
}

impl Drop for Grove {
    fn drop(&mut self) {
        let _ = fs::remove_dir(self.inner());
        // The tree is ending. A group that stays is nobody's and costs nothing.
        let _ = wait::until("the tree's group is empty", LIMIT, || {
            Ok(fs::remove_dir(&self.0).map_err(|error| error.to_string()))
        });
    }
}

fn freeze(group: &Path, begun: Instant) -> Result<usize> {
    write(&group.join("cgroup.freeze"), "1")?;
    until_frozen(group, begun)
}

/// 0 when the kernel says that everybody stands, else how many are in it.
fn until_frozen(group: &Path, begun: Instant) -> Result<usize> {
    loop {
        let events = fs::read_to_string(group.join("cgroup.events"))?;
        if events.lines().any(|line| line == "frozen 1") {
            return Ok(0);
        }
        if begun.elapsed() > LIMIT {
            return Ok(processes(group)?.len());
        }
        std::thread::yield_now();
    }
}

fn processes(group: &Path) -> Result<Vec<u32>> {
    let text = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal); // it has ended
    }
}

/// Stopped, or ended.
fn stands(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z', 'X', 'D']))
}
