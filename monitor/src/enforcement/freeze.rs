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
    for member in members(uplink, session) {
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

fn to_fixpoint(
    uplink: &Uplink,
    session: SessionId,
    signal: Signal,
    is_done: impl Fn(u32) -> bool,
) -> Outcome {
    let started = Instant::now();
    let mut seen: HashSet<u32> = HashSet::new();
    let mut outcome = Outcome::default();
    loop {
        outcome.passes += 1;
        outcome.running.clear();
        let mut found_new = false;
        for member in members(uplink, session) {
            if seen.insert(member.pid) {
                found_new = true;
                report(&member, member.send(signal));
            } else if !is_done(member.pid) {
                // Continued by somebody, or the signal is still on its way: sending it twice does no harm.
                report(&member, member.send(signal));
                outcome.running.push(member.pid);
            }
        }
        // The stopped ones need the processor to get there.
        std::thread::yield_now();
        let settled = !found_new && outcome.running.is_empty();
        if settled || started.elapsed() > PATIENCE {
            break;
        }
    }
    outcome.members = seen.len();
    outcome.took = started.elapsed();
    outcome
}

fn members(uplink: &Uplink, session: SessionId) -> Vec<Member> {
    uplink
        .labels()
        .into_iter()
        .filter(|(_, label)| label.session == session.0)
        .filter_map(|(pid, _)| Member::open(uplink, pid, session.0))
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
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The name, in parentheses, may contain anything; the state follows the last one (proc(5)).
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        !matches!(state, Some('R' | 'S' | 'I'))
    })
}
