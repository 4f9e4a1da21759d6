//! Every session, with its processes.

use std::collections::HashMap;

use super::{ended::Ended, session::Session};
use crate::facts::{BootNanos, Process, SessionId};

/// Ancestors that can say what a process reads for.
const ANCESTORS_MAX: usize = 8;

/// Processes of a lineage that are listed.
const LINEAGE_MAX: usize = 64;

/// Every session, and every labelled process.
#[derive(Default)]
pub struct Registry {
    sessions: HashMap<SessionId, Session>,
    processes: HashMap<u32, (SessionId, Process)>,
    ended: Ended,
}

impl Registry {
    pub fn insert(&mut self, session: Session) {
        self.sessions.insert(session.id, session);
    }

    pub fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.processes.retain(|_, (session, _)| *session != id);
        self.sessions.remove(&id)
    }

    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    #[must_use]
    pub fn ids(&self) -> Vec<SessionId> {
        let mut ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        ids.sort();
        ids
    }

    pub fn add_process(&mut self, session: SessionId, process: Process) {
        self.processes.insert(process.pid, (session, process));
    }

    /// The child begins as its creator's copy.
    pub fn fork(&mut self, session: SessionId, creator: u32, child: u32, start: BootNanos) {
        let mut process = self.process(creator).cloned().unwrap_or_default();
        process.pid = child;
        process.parent = creator;
        process.start = start;
        self.add_process(session, process);
    }

    /// Removes a process; returns its session, and the process, if that was the last one.
    pub fn exit(&mut self, pid: u32) -> Option<(SessionId, Process)> {
        let (session, process) = self.processes.remove(&pid)?;
        self.ended.remember(session, process.clone());
        let alive = self.processes.values().any(|(other, _)| *other == session);
        (!alive).then_some((session, process))
    }

    #[must_use]
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid).map(|(_, process)| process)
    }

    /// Who did something in a session: a process may have ended before what it did is read.
    #[must_use]
    pub fn actor(&self, session: SessionId, pid: u32) -> Option<&Process> {
        self.process(pid).or_else(|| self.ended.process(session, pid))
    }

    pub fn process_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.processes.get_mut(&pid).map(|(_, process)| process)
    }

    /// Every process, with its session.
    pub fn processes(&self) -> impl Iterator<Item = (SessionId, &Process)> {
        self.processes.values().map(|(session, process)| (*session, process))
    }

    #[must_use]
    pub fn session_of(&self, pid: u32) -> Option<SessionId> {
        self.processes.get(&pid).map(|(session, _)| *session)
    }

    /// Pids of a session, `first` at the front.
    #[must_use]
    pub fn pids(&self, session: SessionId, first: u32) -> Vec<u32> {
        let others = self.processes.iter().filter(|(pid, (id, _))| *id == session && **pid != first);
        std::iter::once(first).chain(others.map(|(pid, _)| *pid)).collect()
    }

    #[must_use]
    pub fn count(&self, session: SessionId) -> usize {
        self.processes.values().filter(|(id, _)| *id == session).count()
    }

    /// `PID NAME ARGS` of a process and its creators, outermost first, as far as they are remembered.
    #[must_use]
    pub fn lineage(&self, pid: u32) -> Vec<String> {
        let mut lines = Vec::new();
        let session = self.session_of(pid);
        let mut next = self.process(pid).map(|process| (process, ""));
        while let Some((process, remark)) = next.filter(|_| lines.len() < LINEAGE_MAX) {
            lines.push(format!("{} {}{remark}", process.pid, process.command_line()));
            next = session.and_then(|session| self.creator(session, process));
        }
        lines.reverse();
        lines
    }

    /// The process and its creators up to the session's root. What of them is not remembered any more is passed over.
    #[must_use]
    pub fn lineage_of(&self, id: SessionId, pid: u32) -> Vec<String> {
        let mut lineage = self.lineage(pid);
        let root = id.root().to_string();
        if lineage.first().and_then(|line| line.split(' ').next()) != Some(&root) {
            let command = self.get(id).map(|session| session.command.as_str()).unwrap_or_default();
            lineage.insert(0, format!("{root} {command} (the root; who came between is not known)"));
        }
        lineage
    }

    /// Who created a process of `session`, the nearest first, as far as they are remembered.
    #[must_use]
    pub fn ancestors(&self, session: SessionId, process: &Process) -> Vec<&Process> {
        let first = self.creator(session, process);
        let all = std::iter::successors(first, |(process, _)| self.creator(session, process));
        all.map(|(process, _)| process).take(ANCESTORS_MAX).collect()
    }

    /// Who created a process of `session`, with a remark: a process of the same number that began later is another one.
    fn creator(&self, session: SessionId, process: &Process) -> Option<(&Process, &'static str)> {
        let pid = process.parent;
        let alive =
            self.processes.get(&pid).filter(|(of, _)| *of == session).map(|(_, process)| (process, ""));
        let ended = self.ended.process(session, pid).map(|process| (process, " (ended)"));
        let created = |(other, _): &(&Process, _)| other.pid != process.pid && other.start <= process.start;
        alive.filter(created).or_else(|| ended.filter(created))
    }

    /// The session with this id, or of this root pid.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<SessionId> {
        let by_id = self.sessions.keys().find(|id| id.to_string() == text);
        let by_root = || {
            let pid: u32 = text.parse().ok()?;
            self.sessions.keys().find(|id| id.root() == pid)
        };
        by_id.or_else(by_root).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (Registry, SessionId) {
        let mut registry = Registry::default();
        let id = SessionId(monitor_common::label::session_id(100, 5_000));
        registry.insert(Session::new(id, "claude-code".into(), "executable".into(), BootNanos(5_000)));
        let root = Process { pid: 100, executable: "/bin/claude".into(), ..Process::default() };
        registry.add_process(id, root);
        (registry, id)
    }

    #[test]
    fn a_session_ends_with_its_last_process_not_with_its_root() {
        let (mut registry, id) = registry();
        registry.fork(id, 100, 101, BootNanos(6_000));
        assert_eq!(registry.exit(100), None);
        let (ended, last) = registry.exit(101).unwrap();
        assert_eq!((ended, last.pid), (id, 101));
    }

    #[test]
    fn who_did_something_is_known_after_its_end_in_its_own_session() {
        let (mut registry, own) = (Registry::default(), SessionId(1));
        registry.add_process(own, Process { pid: 7, executable: "/bin/cat".into(), ..Process::default() });
        registry.exit(7);
        assert_eq!(registry.process(7), None);
        assert_eq!(registry.actor(own, 7).map(|process| process.executable.as_str()), Some("/bin/cat"));
        assert_eq!(registry.actor(SessionId(2), 7), None);
    }

    #[test]
    fn a_fork_shares_its_creators_arguments() {
        let (mut registry, id) = registry();
        registry.process_mut(100).unwrap().args = ["claude".into(), "x".repeat(9_000)].into();
        registry.fork(id, 100, 101, BootNanos(6_000));
        let args = |pid| std::sync::Arc::as_ptr(&registry.process(pid).unwrap().args);
        assert!(std::ptr::addr_eq(args(100), args(101)));
    }

    #[test]
    fn lineage_is_outermost_first_and_goes_on_through_what_has_ended() {
        let (mut registry, id) = registry();
        registry.fork(id, 100, 101, BootNanos(6_000));
        registry.fork(id, 101, 102, BootNanos(7_000));
        registry.process_mut(102).unwrap().args = ["curl".into(), "-s".into()].into();
        assert_eq!(registry.lineage(102), ["100 /bin/claude", "101 /bin/claude", "102 curl -s"]);
        registry.exit(101);
        assert_eq!(registry.lineage(102), ["100 /bin/claude", "101 /bin/claude (ended)", "102 curl -s"]);
        registry.fork(id, 102, 101, BootNanos(8_000));
        assert_eq!(
            registry.lineage(102),
            ["100 /bin/claude", "101 /bin/claude (ended)", "102 curl -s"],
            "the number was used again"
        );
        let stranger = SessionId(7);
        registry.add_process(stranger, Process { pid: 103, parent: 100, ..Process::default() });
        assert_eq!(registry.lineage(103), ["103 "], "a creator outside of the session is not of its lineage");
    }

    #[test]
    fn sessions_are_found_by_id_and_by_root_pid() {
        let (registry, id) = registry();
        assert_eq!(registry.find("100"), Some(id));
        assert_eq!(registry.find(&id.to_string()), Some(id));
        assert_eq!(registry.find("101"), None);
    }
}
