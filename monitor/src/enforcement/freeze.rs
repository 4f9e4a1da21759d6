//! Freezing a whole tree, to a fixpoint: nothing of it runs until a person thaws it.
//!
//! The kernel is told first, so that whoever forks or acts meanwhile is stopped on the spot; then every member gets
//! SIGSTOP, until a whole pass finds nobody new and nobody running.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _},
    path::Path,
    time::{Duration, Instant},
};

use monitor_common::label::FROZEN;
use rustix::process::Signal;

use super::signal::Member;
use crate::{facts::SessionId, probes::Uplink};

/// How long the fixpoint may take before what still runs is reported.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a freeze or a kill ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Processes reached.
    pub members: usize,
    /// Passes over the tree until nothing moved.
    pub passes: u32,
    /// Processes that were still running when patience ended.
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
    for member in members(uplink, session, &HashSet::new()) {
        outcome.members += 1;
        report(&member, member.send(Signal::CONT));
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
        let newcomers = members(uplink, session, &seen);
        for member in &newcomers {
            seen.insert(member.pid);
            moving.push(member.pid);
            report(member, member.send(signal));
        }
        // Who was found still stays so: the kernel stops again whoever is continued by somebody else.
        moving.retain(|pid| !is_done(*pid));
        let settled = newcomers.is_empty() && moving.is_empty();
        if settled || started.elapsed() > PATIENCE {
            break;
        }
        if !moving.is_empty() {
            std::thread::yield_now(); // the stopped ones need the processor to get there
        }
    }
    Outcome { members: seen.len(), passes, running: moving, took: started.elapsed() }
}

/// Members of the session that are not in `known`.
fn members(uplink: &Uplink, session: SessionId, known: &HashSet<u32>) -> Vec<Member> {
    let is_member = |pid: u32| uplink.label(pid).is_some_and(|label| label.session == session.0);
    uplink
        .labelled()
        .into_iter()
        .filter(|pid| !known.contains(pid) && is_member(*pid))
        .filter_map(|pid| Member::open(uplink, pid, session.0))
        .collect()
}

fn report(member: &Member, result: io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {} // it ended
        Err(error) => tracing::warn!(pid = member.pid, %error, "the process could not be signalled"),
    }
}

/// Whether no thread of the process can run user code: stopped, dead, or in the kernel's uninterruptible sleep, from
/// which it meets the stop before it returns.
fn is_still(pid: u32) -> bool {
    let Some(stat) = read_stat(Path::new(&format!("/proc/{pid}/stat"))) else { return true }; // it has ended
    let Some((state, threads)) = state_and_threads(&stat) else { return false };
    if threads <= 1 {
        return stands(state);
    }
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = read_stat(&thread.path().join("stat")).unwrap_or_default();
        state_and_threads(&stat).is_none_or(|(state, _)| stands(state))
    })
}

/// A `stat` file in one read: a thousand of them are most of what a freeze takes.
fn read_stat(path: &Path) -> Option<String> {
    let mut bytes = [0; 1024];
    let length = fs::File::open(path).ok()?.read(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
}

fn stands(state: char) -> bool {
    !matches!(state, 'R' | 'S' | 'I')
}

/// Fields 3 and 20 of `/proc/PID/stat` (proc(5)). The name before them, in parentheses, may contain anything.
fn state_and_threads(stat: &str) -> Option<(char, u32)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.nth(16)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_behind_its_name() {
        let line = "7 (a) b) T 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 3 0 100 0 0";
        assert_eq!(state_and_threads(line), Some(('T', 3)));
        assert_eq!(state_and_threads(""), None);
    }

    #[test]
    fn this_process_runs_and_no_process_stands() {
        assert!(!is_still(std::process::id()));
        assert!(is_still(u32::MAX));
    }
}
