//! Freezing a whole tree, to a fixpoint: nothing of it runs until a person thaws it.
//!
//! The kernel is told first, so that whoever forks or acts meanwhile is stopped on the spot; then every member gets
//! SIGSTOP, until a whole pass finds nobody new and nobody running.

use std::{
    collections::HashSet,
    fs, io,
    time::{Duration, Instant},
};

use monitor_common::label::FROZEN;
use rustix::process::Signal;

use super::signal::Member;
use crate::{
    facts::SessionId,
    probes::Uplink,
    sessions::life::{Stat, has_ended},
};

/// How long the fixpoint may take before what still runs is reported.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a freeze or a kill ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Processes reached.
    pub members: usize,
    /// Passes over the tree until nothing moved.
    pub passes: u32,
    /// Processes that were still running when patience ended, or may have been: they could not be reached or looked at.
    /// Of a thaw: those that may still stand.
    pub running: Vec<u32>,
    pub took: Duration,
}

/// Stops every member of the session.
pub fn freeze(uplink: &mut Uplink, session: SessionId) -> Outcome {
    if let Err(error) = uplink.set_flags(session, FROZEN, true) {
        // Goes on: the signals below stop everybody who is there, the kernel's flag only catches who moves meanwhile.
        tracing::warn!(%session, %error, "the kernel could not be told of the freeze");
    }
    to_fixpoint(uplink, session, Signal::STOP, is_still)
}

/// Lets every member run again.
pub fn thaw(uplink: &mut Uplink, session: SessionId) -> Outcome {
    let started = Instant::now();
    if let Err(error) = uplink.set_flags(session, FROZEN, false) {
        tracing::warn!(%session, %error, "the kernel could not be told of the thaw");
    }
    let mut outcome = Outcome { passes: 1, ..Outcome::default() };
    let Found { reached, unreachable } = members(uplink, session, &HashSet::new());
    outcome.running = unreachable;
    for member in reached {
        match member.send(Signal::CONT) {
            Ok(()) => outcome.members += 1,
            Err(error) if has_ended(&error) => {}
            Err(_) => outcome.running.push(member.pid),
        }
    }
    if !outcome.running.is_empty() {
        tracing::error!(%session, pids = ?outcome.running, "these could not be continued: continue them by hand (kill -CONT)");
    }
    outcome.took = started.elapsed();
    outcome
}

/// Freezes the session, then kills every member: stopped first, nobody can be forked past the signal.
pub fn kill(uplink: &mut Uplink, session: SessionId) -> Outcome {
    freeze(uplink, session);
    to_fixpoint(uplink, session, Signal::KILL, |_| true)
}

/// Signals every member once, and goes on until a whole pass finds nobody new and everybody it has signalled is done.
fn to_fixpoint(
    uplink: &Uplink,
    session: SessionId,
    signal: Signal,
    is_done: impl Fn(u32) -> bool,
) -> Outcome {
    let started = Instant::now();
    let mut seen: HashSet<u32> = HashSet::new();
    let mut moving: Vec<u32> = Vec::new();
    let mut passes = 0;
    loop {
        passes += 1;
        let Found { reached, mut unreachable } = members(uplink, session, &seen);
        let newcomers = !reached.is_empty();
        for member in reached {
            match member.send(signal) {
                Ok(()) => {
                    seen.insert(member.pid);
                    moving.push(member.pid);
                }
                Err(error) if has_ended(&error) => _ = seen.insert(member.pid),
                Err(_) => unreachable.push(member.pid), // the next pass tries again
            }
        }
        // Who was found still stays so: the kernel stops again whoever is continued by somebody else.
        moving.retain(|pid| !is_done(*pid));
        let settled = !newcomers && moving.is_empty() && unreachable.is_empty();
        if settled || started.elapsed() > PATIENCE {
            moving.extend(unreachable);
            break;
        }
        if !moving.is_empty() || !unreachable.is_empty() {
            std::thread::yield_now(); // the stopped ones need the processor to get there
        }
    }
    if !moving.is_empty() {
        tracing::error!(%session, pids = ?moving, ?signal, "these may still run: they could not be reached, or did not stand in time");
    }
    Outcome { members: seen.len(), passes, running: moving, took: started.elapsed() }
}

#[derive(Default)]
struct Found {
    reached: Vec<Member>,
    /// Labelled, and out of reach: out of descriptors, most likely.
    unreachable: Vec<u32>,
}

/// Members of the session that are not in `known`.
fn members(uplink: &Uplink, session: SessionId, known: &HashSet<u32>) -> Found {
    let is_member = |pid: u32| uplink.label(pid).is_some_and(|label| label.session == session.0);
    let mut found = Found::default();
    for pid in uplink.labelled().into_iter().filter(|pid| !known.contains(pid) && is_member(*pid)) {
        match Member::open(uplink, pid, session.0) {
            Ok(Some(member)) => found.reached.push(member),
            Ok(None) => {}
            Err(_) => found.unreachable.push(pid),
        }
    }
    found
}

/// Whether no thread of the process can run user code: stopped, dead, or in the kernel's uninterruptible sleep, from
/// which it meets the stop before it returns.
/// Only what has ended counts as still unseen: whatever else keeps it from being looked at, it may run.
fn is_still(pid: u32) -> bool {
    let threads = match Stat::read(&format!("/proc/{pid}/stat")) {
        Ok(stat) if stat.threads <= 1 => return stands(stat.state),
        Ok(_) => fs::read_dir(format!("/proc/{pid}/task")),
        Err(error) => return has_ended(&error),
    };
    let is_still = |thread: io::Result<fs::DirEntry>| {
        let stat = thread.and_then(|thread| Stat::read(&format!("{}/stat", thread.path().display())));
        stat.map_or_else(|error| has_ended(&error), |stat| stands(stat.state))
    };
    threads.map_or_else(|error| has_ended(&error), |mut threads| threads.all(is_still))
}

fn stands(state: char) -> bool {
    !matches!(state, 'R' | 'S' | 'I')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_no_process_stands() {
        assert!(!is_still(std::process::id()));
        assert!(is_still(u32::MAX));
    }
}
