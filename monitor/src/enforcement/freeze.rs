//! Freezing a whole tree, to a fixpoint: nothing of it runs until a person thaws it.
//!
//! Every member is moved into the freezer ([`super::freezer`]), because a shell takes a job that stands there for one that
//! runs. The kernel moves the first one after a grace period of some milliseconds; whoever is nobody's job is therefore
//! stopped by SIGSTOP before, which no shell sees. After the first pass the kernel is told, so that whoever forks or acts
//! from then on is stopped on the spot, and the passes go on until one finds nobody new and nobody running.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    time::{Duration, Instant},
};

use monitor_common::label::FROZEN;
use rustix::process::Signal;

use super::{
    freezer::{Enclosing, Freezer},
    signal::Member,
};
use crate::{
    facts::SessionId,
    probes::Uplink,
    sessions::{
        life::{Stat, has_ended},
        terminal::{self, has_the_keys, is_a_job},
    },
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
    /// Processes that only SIGSTOP stops, because the freezer could not be had: their shells see it, and SIGCONT wakes them.
    pub by_signal: Vec<u32>,
    /// Processes that somebody had stopped before.
    pub stood: HashSet<u32>,
    /// A process that had the keys of its terminal; the root where that is one.
    pub terminal: Option<u32>,
    pub took: Duration,
}

/// Stops every member of the session.
pub fn freeze(uplink: &mut Uplink, freezer: &mut Freezer, session: SessionId) -> Outcome {
    let started = Instant::now();
    let mut freezing = Freezing {
        session,
        enclosing: freezer.enclosing(session),
        seen: HashMap::new(),
        moving: Vec::new(),
        why: None,
        outcome: Outcome::default(),
    };
    loop {
        freezing.outcome.passes += 1;
        let Found { reached, mut unreachable } =
            members(uplink, session, |pid| freezing.seen.contains_key(&pid));
        let newcomers = !reached.is_empty();
        unreachable.extend(freezing.stop(uplink, reached));
        if freezing.outcome.passes == 1 {
            mark(uplink, session, true);
        }
        freezing.forget_the_standing();
        let settled = !newcomers && freezing.moving.is_empty() && unreachable.is_empty();
        if settled || started.elapsed() > PATIENCE {
            freezing.moving.extend(unreachable);
            break;
        }
        if !freezing.moving.is_empty() || !unreachable.is_empty() {
            std::thread::yield_now(); // the stopped ones need the processor to get there
        }
    }
    let Freezing { seen, moving, why, outcome, .. } = freezing;
    if !moving.is_empty() {
        tracing::error!(%session, pids = ?moving, "these may still run: they could not be reached, or did not stand in time");
    }
    if let Some(why) = why {
        tracing::warn!(%session, processes = outcome.by_signal.len(), %why, "stopped by SIGSTOP, not in the freezer: a shell may take its terminal back");
    }
    Outcome { members: seen.len(), running: moving, took: started.elapsed(), ..outcome }
}

struct Freezing<'a> {
    session: SessionId,
    enclosing: Enclosing<'a>,
    seen: HashMap<u32, Stat>,
    /// Reached, and not seen to stand.
    moving: Vec<u32>,
    /// Why the freezer could not be had for somebody.
    why: Option<io::Error>,
    outcome: Outcome,
}

impl Freezing<'_> {
    /// Stops newly found members; gives those that could not be reached.
    fn stop(&mut self, uplink: &Uplink, found: Vec<Member>) -> Vec<u32> {
        // One that cannot be looked at is a job for all anybody knows; the freezer takes it all the same.
        let stats: HashMap<u32, Stat> =
            found.iter().filter_map(|member| Some((member.pid, terminal::stat(member.pid)?))).collect();
        for (pid, stat) in &stats {
            self.note(*pid, stat);
        }
        for member in &found {
            let stat = stats.get(&member.pid);
            let parent = stat.and_then(|stat| stats.get(&stat.parent).or_else(|| self.seen.get(&stat.parent)));
            if stat.is_some_and(|stat| !is_a_job(stat, parent)) {
                let _ = member.send(Signal::STOP); // sooner; what counts comes below
            }
        }
        let mut unreachable = Vec::new();
        for member in found {
            let stat = stats.get(&member.pid).copied().unwrap_or_default();
            match self.enclose(uplink, &member) {
                Ok(()) => self.moving.push(member.pid),
                Err(error) if has_ended(&error) => {}
                Err(_) => {
                    unreachable.push(member.pid); // the next pass tries again
                    continue;
                }
            }
            self.seen.insert(member.pid, stat);
        }
        unreachable
    }

    fn note(&mut self, pid: u32, stat: &Stat) {
        if stat.state == 'T' {
            self.outcome.stood.insert(pid);
        }
        if has_the_keys(stat) && (self.outcome.terminal.is_none() || pid == self.session.root()) {
            self.outcome.terminal = Some(pid);
        }
    }

    /// Into the freezer. Where that is not to be had SIGSTOP has to do: it stands too, and the person is told.
    fn enclose(&mut self, uplink: &Uplink, member: &Member) -> io::Result<()> {
        match self.enclosing.take(member.pid) {
            Ok(()) if uplink.label(member.pid).is_some_and(|label| label.session == self.session.0) => Ok(()),
            Ok(()) => self.enclosing.put_back(member.pid), // it has ended, and the number may be another's
            Err(error) if has_ended(&error) => Err(error),
            Err(error) => {
                member.send(Signal::STOP)?;
                self.why.get_or_insert(error);
                self.outcome.by_signal.push(member.pid);
                Ok(())
            }
        }
    }

    /// Who was found to stand still does: the kernel stops again whoever is continued by somebody else.
    fn forget_the_standing(&mut self) {
        if self.moving.is_empty() {
            return;
        }
        let (all, by_signal) = (self.enclosing.stands(), &self.outcome.by_signal);
        self.moving.retain(|pid| match by_signal.contains(pid) {
            true => !is_still(*pid, stands),
            // In the freezer one sleeps (S): who has not got there yet was woken to go there.
            false => !all && !is_still(*pid, |state| state != 'R'),
        });
    }
}

/// Lets every member run again, but for those in `stood`, which stood before.
pub fn thaw(
    uplink: &mut Uplink,
    freezer: &mut Freezer,
    session: SessionId,
    stood: &HashSet<u32>,
) -> Outcome {
    let started = Instant::now();
    mark(uplink, session, false);
    let mut outcome = Outcome { passes: 1, ..Outcome::default() };
    let Found { reached, unreachable } = members(uplink, session, |pid| stood.contains(&pid));
    outcome.running = unreachable;
    // Before they leave the freezer: a stop that was sent to one of them in there must not come into effect outside.
    for member in reached {
        match member.send(Signal::CONT) {
            Ok(()) => outcome.members += 1,
            Err(error) if has_ended(&error) => {}
            Err(_) => outcome.running.push(member.pid),
        }
    }
    outcome.running.extend(freezer.release(session).standing);
    if !outcome.running.is_empty() {
        tracing::error!(%session, pids = ?outcome.running, "these could not be continued: continue them by hand (kill -CONT)");
    }
    outcome.took = started.elapsed();
    outcome
}

/// Stops the session, then kills every member: stopped first, nobody can be forked past the signal. By signal only, as who
/// is killed needs no terminal.
pub fn kill(uplink: &mut Uplink, freezer: &Freezer, session: SessionId) -> Outcome {
    mark(uplink, session, true);
    to_fixpoint(uplink, session, Signal::STOP, |pid| is_still(pid, stands) || freezer.holds(session, pid));
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
        let Found { reached, mut unreachable } = members(uplink, session, |pid| seen.contains(&pid));
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
        moving.retain(|pid| !is_done(*pid));
        let settled = !newcomers && moving.is_empty() && unreachable.is_empty();
        if settled || started.elapsed() > PATIENCE {
            moving.extend(unreachable);
            break;
        }
        if !moving.is_empty() || !unreachable.is_empty() {
            std::thread::yield_now();
        }
    }
    if !moving.is_empty() {
        tracing::error!(%session, pids = ?moving, ?signal, "these may still run: they could not be reached, or did not stand in time");
    }
    Outcome { members: seen.len(), passes, running: moving, took: started.elapsed(), ..Outcome::default() }
}

/// Tells the kernel. Goes on where it cannot be told: everybody who is there is stopped, or continued, all the same; the
/// kernel's flag only catches who moves meanwhile.
fn mark(uplink: &mut Uplink, session: SessionId, frozen: bool) {
    if let Err(error) = uplink.set_flags(session, FROZEN, frozen) {
        tracing::warn!(%session, frozen, %error, "the kernel could not be told");
    }
}

#[derive(Default)]
struct Found {
    reached: Vec<Member>,
    /// Labelled, and out of reach: out of descriptors, most likely.
    unreachable: Vec<u32>,
}

/// Members of the session that are not known.
fn members(uplink: &Uplink, session: SessionId, is_known: impl Fn(u32) -> bool) -> Found {
    let is_member = |pid: u32| uplink.label(pid).is_some_and(|label| label.session == session.0);
    let mut found = Found::default();
    for pid in uplink.labelled().into_iter().filter(|pid| !is_known(*pid) && is_member(*pid)) {
        match Member::open(uplink, pid, session.0) {
            Ok(Some(member)) => found.reached.push(member),
            Ok(None) => {}
            Err(_) => found.unreachable.push(pid),
        }
    }
    found
}

/// Whether every thread of the process is in a state in which it runs no user code.
/// Only what has ended counts as still unseen: whatever else keeps it from being looked at, it may run.
fn is_still(pid: u32, stands: impl Fn(char) -> bool) -> bool {
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

/// Stopped, dead, or in the kernel's uninterruptible sleep, from which a process meets the stop before it returns.
fn stands(state: char) -> bool {
    !matches!(state, 'R' | 'S' | 'I')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_no_process_stands() {
        assert!(!is_still(std::process::id(), stands));
        assert!(is_still(u32::MAX, stands));
    }
}
