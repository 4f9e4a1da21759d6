//! Freezing a whole tree, to a fixpoint: nothing of it runs until a person thaws it.
//!
//! Whoever is a job (a shell with job control may wait for it) is moved into the freezer ([`super::freezer`]): its shell takes
//! it for one that runs, and leaves it the terminal. The kernel moves the first one after a grace period of some
//! milliseconds, and each further one costs more than a signal; so everybody else, and every job without a terminal, gets
//! SIGSTOP before. Then the kernel is told, so that whoever forks or acts from then on is stopped on the spot, and the passes
//! go on until one finds nobody new and nobody running.

use std::{
    collections::HashSet,
    fs, io,
    time::{Duration, Instant},
};

use monitor_common::label::FROZEN;
use rustix::process::{Pid, Signal, getpgid};

use super::{
    freezer::{Freezer, enclosing::Enclosing},
    signal::Member,
};
use crate::{
    probes::Maps,
    proc::{
        life::{Stat, has_ended},
        terminal::{self, has_the_keys},
    },
};
use interlock_core::{facts::SessionId, sessions::Outcome};

/// How long the fixpoint may take before what still runs is reported.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the kernel alone is asked whether everybody stands in the freezer, before each of them is looked at: it does
/// not count who sleeps where nothing can wake it.
const KERNELS_WORD: Duration = Duration::from_millis(50);

/// Stops every member of the session. `creator` says who forked a process, as far as the event loop has been told.
pub fn freeze(
    maps: &mut Maps,
    freezer: &mut Freezer,
    session: SessionId,
    creator: &dyn Fn(u32) -> Option<u32>,
) -> Outcome {
    let (started, mut found_last) = (Instant::now(), Instant::now());
    let mut freezing = Freezing {
        session,
        creator,
        enclosing: Enclosing::new(freezer, session),
        seen: HashSet::new(),
        stopped: HashSet::new(),
        moving: Vec::new(),
        why: None,
        outcome: Outcome::default(),
    };
    let running = loop {
        freezing.outcome.passes += 1;
        let Found { reached, mut unreachable } = members(maps, session, |pid| freezing.seen.contains(&pid));
        if !reached.is_empty() {
            found_last = Instant::now();
        }
        let newcomers = !reached.is_empty();
        unreachable.extend(freezing.stop(maps, reached));
        if freezing.outcome.passes == 1 {
            // Not sooner: the kernel's own SIGSTOP would come before the freezer, and be seen.
            mark(maps, session, true);
        }
        freezing.forget_the_standing(found_last.elapsed() > KERNELS_WORD);
        let moving = freezing.moving.iter().map(|(pid, _)| *pid).chain(unreachable).collect::<Vec<_>>();
        if (!newcomers && moving.is_empty()) || started.elapsed() > FREEZE_TIMEOUT {
            break moving;
        }
        if !moving.is_empty() {
            std::thread::yield_now(); // the stopped ones need the processor to get there
        }
    };
    if !running.is_empty() {
        tracing::error!(%session, pids = ?running, "these may still run: they could not be reached, or did not stand in time");
    }
    if let Some(why) = freezing.why {
        // Fails over: it stands, and the person is told what to type after the thaw.
        tracing::warn!(%session, pids = ?freezing.outcome.by_signal, %why, "stopped by SIGSTOP, not in the freezer: a shell may take its terminal back");
    }
    let members = freezing.seen.len();
    Outcome { members, running, took: started.elapsed(), ..freezing.outcome }
}

/// What a process stands by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Freezer,
    Signal,
}

struct Freezing<'a> {
    session: SessionId,
    creator: &'a dyn Fn(u32) -> Option<u32>,
    enclosing: Enclosing<'a>,
    seen: HashSet<u32>,
    /// Process groups that somebody had stopped before.
    stopped: HashSet<u32>,
    /// Reached, and not seen to stand.
    moving: Vec<(u32, By)>,
    /// Why the freezer could not be had for a job.
    why: Option<io::Error>,
    outcome: Outcome,
}

impl Freezing<'_> {
    /// Stops newly found members; returns those that could not be reached.
    fn stop(&mut self, maps: &Maps, found: Vec<Member>) -> Vec<u32> {
        let newly: HashSet<u32> = found.iter().map(|member| member.pid).collect();
        let is_member = |pid: u32| newly.contains(&pid) || self.seen.contains(&pid);
        let (jobs, parts): (Vec<Member>, Vec<Member>) =
            found.into_iter().partition(|member| is_a_job(member.pid, self.creator, is_member));
        let watched: Vec<bool> = jobs.iter().map(|job| self.look_at(job.pid)).collect();
        let mut unreachable = Vec::new();
        for (job, _) in jobs.iter().zip(watched).filter(|(_, watched)| !watched) {
            let _ = job.send(Signal::STOP); // sooner; what counts comes below
        }
        for member in parts {
            let stopped = self.stop_part(&member);
            self.book(member.pid, stopped, &mut unreachable);
        }
        for member in jobs {
            let stopped = self.stop_job(maps, &member);
            self.book(member.pid, stopped, &mut unreachable);
        }
        unreachable
    }

    fn book(&mut self, pid: u32, stopped: io::Result<By>, unreachable: &mut Vec<u32>) {
        match stopped {
            Ok(by) => self.moving.push((pid, by)),
            Err(error) if has_ended(&error) => {}
            Err(_) => return unreachable.push(pid), // the next pass tries again
        }
        self.seen.insert(pid);
    }

    /// Notes what a job was doing before it is stopped; returns whether it has a terminal, which a shell could take back.
    fn look_at(&mut self, pid: u32) -> bool {
        let Some(stat) = terminal::stat(pid) else { return true };
        if stat.state == 'T' {
            self.outcome.stood.insert(pid);
            self.stopped.insert(stat.group);
        }
        if has_the_keys(&stat) && (self.outcome.terminal.is_none() || pid == self.session.root()) {
            self.outcome.terminal = Some(pid);
        }
        stat.foreground.is_some()
    }

    fn stop_part(&mut self, member: &Member) -> io::Result<By> {
        let newborn = self.outcome.passes > 1;
        if newborn && self.enclosing.is_inside(member.pid) {
            return Ok(By::Freezer);
        }
        let stood = group(member.pid).is_some_and(|group| self.stopped.contains(&group))
            && terminal::stat(member.pid).is_some_and(|stat| stat.state == 'T');
        if stood {
            self.outcome.stood.insert(member.pid);
        }
        member.send(Signal::STOP).map(|()| By::Signal)
    }

    /// Into the freezer. Where that is not to be had SIGSTOP has to do: it stands too, and the person is told.
    fn stop_job(&mut self, maps: &Maps, member: &Member) -> io::Result<By> {
        match self.enclosing.take(member.pid) {
            Ok(()) if maps.label(member.pid).is_some_and(|label| label.session == self.session.0) => {
                Ok(By::Freezer)
            }
            // It has ended, and the number may be another's.
            Ok(()) => self.enclosing.put_back(member.pid).map(|()| By::Freezer),
            Err(error) if has_ended(&error) => Err(error),
            Err(error) => {
                member.send(Signal::STOP)?;
                self.why.get_or_insert(error);
                self.outcome.by_signal.push(member.pid);
                Ok(By::Signal)
            }
        }
    }

    /// Who was found to stand still does: the kernel stops again whoever is continued by somebody else.
    fn forget_the_standing(&mut self, one_by_one: bool) {
        if self.moving.is_empty() {
            return;
        }
        let (all, enclosing) = (self.enclosing.stands(), &mut self.enclosing);
        self.moving.retain(|(pid, by)| match by {
            By::Signal => !(is_still(*pid, stands) || (one_by_one && all && enclosing.is_inside(*pid))),
            // In the freezer one sleeps (S): who has not got there yet was woken to go there.
            By::Freezer => !(all || (one_by_one && is_still(*pid, |state| state != 'R'))),
        });
    }
}

/// Whether a shell could take a stop of the process for a stopped job: who waits for it stands outside of the session, or
/// has given it a process group of its own. Who cannot be looked at may be one.
fn is_a_job(pid: u32, creator: &dyn Fn(u32) -> Option<u32>, is_member: impl Fn(u32) -> bool) -> bool {
    let parent = creator(pid).or_else(|| Some(terminal::stat(pid)?.parent));
    parent.is_none_or(|parent| !is_member(parent) || group(parent) != group(pid))
}

fn group(pid: u32) -> Option<u32> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    u32::try_from(getpgid(Some(pid)).ok()?.as_raw_nonzero().get()).ok()
}

/// Lets every member run again, but for those in `stood`, which stood before.
pub fn thaw(maps: &mut Maps, freezer: &mut Freezer, session: SessionId, stood: &HashSet<u32>) -> Outcome {
    let started = Instant::now();
    mark(maps, session, false);
    let mut outcome = Outcome { passes: 1, ..Outcome::default() };
    let Found { mut reached, unreachable } = members(maps, session, |pid| stood.contains(&pid));
    outcome.running = unreachable;
    // The youngest first, and the jobs last, by leaving the freezer: a parent that waits with WUNTRACED finds no child
    // stopped. A stop that was sent to somebody in the freezer is taken back before it comes into effect outside.
    reached.sort_by_key(|member| std::cmp::Reverse(member.start));
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
pub fn kill(maps: &mut Maps, freezer: &Freezer, session: SessionId) -> Outcome {
    mark(maps, session, true);
    to_fixpoint(maps, session, Signal::STOP, |pid| is_still(pid, stands) || freezer.holds(session, pid));
    to_fixpoint(maps, session, Signal::KILL, |_| true)
}

/// Signals every member once, and goes on until a whole pass finds nobody new and everybody it has signalled is done.
fn to_fixpoint(maps: &Maps, session: SessionId, signal: Signal, is_done: impl Fn(u32) -> bool) -> Outcome {
    let started = Instant::now();
    let mut seen: HashSet<u32> = HashSet::new();
    let mut moving: Vec<u32> = Vec::new();
    let mut passes = 0;
    loop {
        passes += 1;
        let Found { reached, mut unreachable } = members(maps, session, |pid| seen.contains(&pid));
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
        if settled || started.elapsed() > FREEZE_TIMEOUT {
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
fn mark(maps: &mut Maps, session: SessionId, frozen: bool) {
    if let Err(error) = maps.set_flags(session, FROZEN, frozen) {
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
fn members(maps: &Maps, session: SessionId, is_known: impl Fn(u32) -> bool) -> Found {
    let is_member = |pid: u32| maps.label(pid).is_some_and(|label| label.session == session.0);
    let mut found = Found::default();
    for pid in maps.labelled().into_iter().filter(|pid| !is_known(*pid) && is_member(*pid)) {
        match Member::open(maps, pid, session.0) {
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
    fn a_job_has_a_parent_elsewhere_or_a_group_of_its_own() {
        let own = std::process::id();
        let spawn = |group: Option<i32>| {
            use std::os::unix::process::CommandExt as _;
            let mut command = std::process::Command::new("sleep");
            command.arg("60");
            group.into_iter().for_each(|group| _ = command.process_group(group));
            command.spawn().unwrap()
        };
        let (mut part, mut job) = (spawn(None), spawn(Some(0)));
        let known = |_| Some(own);
        assert!(!is_a_job(part.id(), &known, |_| true));
        assert!(!is_a_job(part.id(), &|_| None, |pid| pid == own), "what nobody was told of is looked up");
        assert!(is_a_job(part.id(), &known, |_| false));
        assert!(is_a_job(job.id(), &known, |_| true));
        assert!(is_a_job(u32::MAX, &|_| None, |_| true));
        for child in [&mut part, &mut job] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn this_process_runs_and_no_process_stands() {
        assert!(!is_still(std::process::id(), stands));
        assert!(is_still(u32::MAX, stands));
    }
}
