//! Agents that were recognised and could become no session. Each is counted; told is the first of a user's in a minute:
//! every command of such an agent is recognised again.

use std::{collections::HashMap, time::Duration};

use aya::maps::MapError;

use super::{beginning::NewSession, engine::Engine};
use interlock_core::facts::{BootNanos, Process, Severity};
use interlock_host::{
    clock::boot_now,
    proc::procfs::{self, Running},
};

/// Time between two events about one user.
const QUIET: Duration = Duration::from_secs(60);

/// Why a process became no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnrollError {
    #[error("it ended before it could be labelled")]
    Ended,
    #[error("user {user} has {most} sessions, as many as one user may have (sessions_per_user)")]
    TooMany { user: u32, most: usize },
    #[error("the kernel's tables refused it: {0}")]
    Refused(#[from] MapError),
}

impl EnrollError {
    fn name(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::TooMany { .. } => "too-many",
            Self::Refused(_) => "refused",
        }
    }
}

/// Users whose agents run unwatched.
#[derive(Debug, Default)]
pub struct UnwatchedLog {
    told: HashMap<u32, BootNanos>,
    /// Agents may be watched after all once a session has ended.
    wait: bool,
    has_room: bool,
}

impl UnwatchedLog {
    /// Gives whether it is to be told.
    fn count(&mut self, user: u32, now: BootNanos) -> bool {
        self.told.retain(|_, at| now.since(*at) < QUIET);
        self.wait = true;
        if self.told.contains_key(&user) {
            return false;
        }
        self.told.insert(user, now);
        true
    }

    pub fn session_ended(&mut self) {
        self.has_room = true;
    }

    /// Whether to look for them again; once for each time there is room.
    fn try_again(&mut self) -> bool {
        let again = self.has_room && self.wait;
        self.has_room = false;
        self.wait &= !again;
        again
    }
}

impl Engine {
    /// Makes an agent that was recognised the root of a session. Fails open, visibly: an agent that cannot be watched runs.
    pub fn watch(&mut self, running: Running, new_session: NewSession) {
        let (process, agent) = (running.process.clone(), new_session.agent.clone());
        let Err(why) = self.begin_session(running, new_session) else { return };
        self.metrics.sessions_unwatched(why.name());
        if matches!(why, EnrollError::Ended) {
            // What it left behind, if anything, cannot be told from other processes.
            tracing::warn!(pid = process.pid, agent, reason = %why, "an agent is not watched");
            return;
        }
        if self.unwatched_log.count(procfs::user(process.pid).unwrap_or(0), boot_now()) {
            self.tell_unwatched(&process, agent, &why);
        }
    }

    /// Looks for agents that run unwatched, where there is room now.
    pub fn watch_the_unwatched(&mut self) {
        if self.unwatched_log.try_again() {
            self.adopt();
        }
    }

    fn tell_unwatched(&mut self, process: &Process, agent: String, why: &EnrollError) {
        let event = self
            .event_of_daemon("session-unwatched")
            .process(process)
            .alert(Severity::High, "an agent runs without being watched")
            .with("interlock.action", "alert")
            .with("interlock.reason", why.to_string())
            .with("session.agent", agent);
        self.publish(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_of_once_a_minute_and_looked_for_once_there_is_room() {
        let minute = QUIET.as_nanos() as u64;
        let mut unwatched_log = UnwatchedLog::default();
        unwatched_log.session_ended();
        assert!(!unwatched_log.try_again(), "nobody waits");
        assert!(unwatched_log.count(1, BootNanos(0)) && unwatched_log.count(2, BootNanos(9)));
        assert!(!unwatched_log.count(1, BootNanos(minute - 1)) && unwatched_log.count(1, BootNanos(minute)));
        assert!(!unwatched_log.try_again(), "there is no room");
        unwatched_log.session_ended();
        assert!(unwatched_log.try_again() && !unwatched_log.try_again());
    }
}
