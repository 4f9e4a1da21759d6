//! Processes of sessions that ask to control Interlock. Every request is refused. Only the first of a minute is reported, with a
//! count of the rest afterwards, so that a loop can neither flood the log nor push other events out.

use std::{collections::HashMap, time::Duration};

use crate::{
    control::{api::Refusal, command::RequestError},
    daemon::context::reporter::Reporter,
};
use interlock_core::{
    facts::{BootNanos, SessionId, Severity},
    sessions::Registry,
};
use interlock_host::clock::boot_now;

/// Time between two events about one session.
const QUIET: Duration = Duration::from_secs(60);

/// What was reported last of each session that asked.
#[derive(Debug, Default)]
pub struct Asking(HashMap<SessionId, Reported>);

impl Asking {
    /// Counts a request; returns whether it is to be reported now.
    fn count(&mut self, session: SessionId, pid: u32, now: BootNanos) -> bool {
        match self.0.get_mut(&session) {
            Some(reported) => {
                (reported.pid, reported.unreported) = (pid, reported.unreported.saturating_add(1));
                false
            }
            None => self.0.insert(session, Reported { at: now, pid, unreported: 0 }).is_none(),
        }
    }

    /// Refuses a process that carries a label.
    pub fn refuse(
        &mut self,
        reporter: &mut Reporter,
        sessions: &Registry,
        session: SessionId,
        pid: u32,
    ) -> RequestError {
        if self.count(session, pid, boot_now()) {
            report(reporter, sessions, session, pid, 1);
        }
        RequestError::NotPermitted(Refusal {
            error: format!("process {pid} belongs to the agent session {session}"),
            hint: Some("ask from a terminal that no agent started".into()),
        })
    }

    /// Reports what was only counted, where a minute is over.
    pub fn report_due(&mut self, reporter: &mut Reporter, sessions: &Registry) {
        for (session, pid, count) in self.due(boot_now()) {
            report(reporter, sessions, session, pid, count);
        }
    }

    /// Reports what was only counted of a session that ends.
    pub fn forget(&mut self, reporter: &mut Reporter, sessions: &Registry, session: SessionId) {
        let reported = self.0.remove(&session);
        if let Some(reported) = reported.filter(|reported| reported.unreported > 0) {
            report(reporter, sessions, session, reported.pid, reported.unreported);
        }
    }

    /// Sessions whose quiet time is over, each with who asked last and how often since; they begin anew.
    fn due(&mut self, now: BootNanos) -> Vec<(SessionId, u32, u64)> {
        let over = |reported: &Reported| now.since(reported.at) >= QUIET;
        self.0.retain(|_, reported| reported.unreported > 0 || !over(reported));
        let due = self.0.iter_mut().filter(|(_, reported)| over(reported));
        due.map(|(session, reported)| {
            reported.at = now;
            (*session, reported.pid, std::mem::take(&mut reported.unreported))
        })
        .collect()
    }
}

#[derive(Debug)]
struct Reported {
    at: BootNanos,
    /// Who asked last, and how often since.
    pid: u32,
    unreported: u64,
}

fn report(reporter: &mut Reporter, sessions: &Registry, session: SessionId, pid: u32, count: u64) {
    let process = sessions.process(pid).cloned().unwrap_or_default();
    let event = reporter
        .event(sessions, "tamper", boot_now(), session)
        .process(&process)
        .alert(Severity::Medium, "a process of a session asked to control Interlock")
        .with("process.pid", pid)
        .with("interlock.action", "deny")
        .with("tamper.requests", count);
    reporter.publish(sessions, event);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> BootNanos {
        BootNanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_first_is_told_and_what_follows_once_a_minute_until_nobody_asks() {
        let (mut asking, session) = (Asking::default(), SessionId(7));
        assert!(asking.count(session, 70, second(0)));
        for pid in 71..=73 {
            assert!(!asking.count(session, pid, second(10)));
        }
        assert!(asking.count(SessionId(8), 80, second(10)), "each session for itself");
        assert!(asking.due(second(59)).is_empty());
        assert_eq!(asking.due(second(60)), [(session, 73, 3)]);
        assert!(!asking.count(session, 74, second(61)));
        assert!(asking.due(second(119)).is_empty());
        assert_eq!(asking.due(second(120)), [(session, 74, 1)]);
        assert!(asking.due(second(180)).is_empty());
        assert!(asking.0.is_empty(), "who asks no more is forgotten");
        assert!(asking.count(session, 75, second(181)));
    }
}
