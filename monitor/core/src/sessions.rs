//! Sessions: one running agent each, with all its processes.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::outcome::Outcome;
use self::{ended::Ended, touches::Touches};
use crate::{
    breaker::{Breaker, risk::Risk},
    catalog::secrets::Moved,
    facts::{BootNanos, Process, SessionId, SessionStatus},
    recognition::Grounds,
    rules::Memory,
};

pub mod adoption;
mod ended;
mod outcome;
pub mod touches;

/// Secrets remembered for the screen.
const TOUCHED_MAX: usize = 32;

/// Ancestors that can say what a process reads for.
const ANCESTORS_MAX: usize = 8;

/// Processes of a lineage that are told.
const LINEAGE_MAX: usize = 64;

/// One agent session.
pub struct Session {
    pub id: SessionId,
    /// Catalogue id of the agent; `command` for `interlock run`.
    pub agent: String,
    pub recognised_by: String,
    /// Who answers for it: see `interlock_host::proc::person`.
    pub user: u32,
    pub command: String,
    pub home: Option<String>,
    pub workspace: Option<PathBuf>,
    /// When the kernel was told of it: whatever was opened before is foreign to the kernel.
    pub workspace_told: BootNanos,
    /// Other trees of the workspace's project. The kernel does not know them.
    pub project: Vec<PathBuf>,
    /// Where its agent is installed, by its root's program; `None` where that says nothing.
    pub prefix: Option<PathBuf>,
    /// It is a daemon of its agent, and runs commands for the agent's other sessions.
    pub serves: bool,
    /// Workspaces of the sessions that it serves: what lies in them is not foreign either.
    pub served: Vec<PathBuf>,
    pub started: BootNanos,
    /// Where its environment puts stores that usually lie elsewhere.
    pub moved: Moved,
    pub memory: Memory,
    pub(crate) breaker: Breaker,
    /// Why nobody is there to answer what is held; `None` where somebody may be.
    pub unattended: Option<String>,
    pub(crate) frozen: bool,
    /// When it was frozen last: what it did before was under way.
    pub(crate) frozen_at: BootNanos,
    /// Processes that stood before it was frozen: a person's Ctrl-Z, or a held call. A thaw leaves them standing. `None` until it is known.
    stood: Option<HashSet<u32>>,
    /// How many of its processes only SIGSTOP stops while it is frozen.
    by_signal: usize,
    /// A process of it that had the keys of its terminal when somebody looked last: the root, mostly.
    pub terminal: Option<u32>,
    /// Records were lost, or the daemon was away: what the session touched is not wholly known.
    pub incomplete: bool,
    /// Losses of the session that the kernel had counted when they were last looked at.
    pub lost: u64,
    /// Its connections ask before their data leaves, because of something that the kernel did not see.
    pub(crate) gated: bool,
    /// Nothing that it did since then went unseen.
    pub watched: BootNanos,
    /// Which of its touches were judged.
    pub touches: Touches,
    /// Secrets that an earlier daemon saw it read: their times and readers are not known any more.
    pub touched_before: Vec<String>,
    touched: VecDeque<String>,
}

impl Session {
    #[must_use]
    pub fn new(id: SessionId, agent: String, recognised_by: String, started: BootNanos) -> Self {
        Self {
            id,
            agent,
            recognised_by,
            user: 0,
            command: String::new(),
            home: None,
            workspace: None,
            workspace_told: BootNanos(0),
            project: Vec::new(),
            prefix: None,
            serves: false,
            served: Vec::new(),
            started,
            moved: Moved::default(),
            memory: Memory::new(),
            breaker: Breaker::default(),
            unattended: None,
            frozen: false,
            frozen_at: BootNanos(0),
            stood: None,
            by_signal: 0,
            terminal: None,
            incomplete: false,
            lost: 0,
            gated: false,
            watched: BootNanos(0),
            touches: Touches::default(),
            touched_before: Vec::new(),
            touched: VecDeque::new(),
        }
    }

    /// Trees of its own that the kernel did not know `at` that time: the others of its project, and at first its workspace.
    pub fn trees_unknown_at(&self, at: BootNanos) -> impl Iterator<Item = &Path> {
        let workspace = self.workspace.as_ref().filter(|_| at <= self.workspace_told);
        self.project.iter().chain(workspace).map(PathBuf::as_path)
    }

    /// Whether its tree is stopped, or about to be.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// How many of its processes only SIGSTOP stops while it is frozen.
    #[must_use]
    pub fn by_signal(&self) -> usize {
        self.by_signal
    }

    /// What its breaker says of it.
    #[must_use]
    pub fn status(&self, now: BootNanos) -> SessionStatus {
        self.breaker.status(now)
    }

    /// Its breaker, for whoever keeps it over a restart.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Goes on with what an earlier daemon kept of its breaker and its risk.
    pub fn resume(&mut self, breaker: Breaker, risk: Risk) {
        self.breaker = breaker;
        self.memory.resume_risk(risk);
    }

    /// It was found frozen by a new daemon. Whoever stood before is not known any more.
    pub fn found_frozen(&mut self) {
        (self.frozen, self.stood) = (true, Some(HashSet::new()));
        self.breaker.found_open();
    }

    /// A process of it does not stand by itself any more: a thaw lets it run.
    pub fn stands_no_more(&mut self, pid: u32) {
        if let Some(stood) = &mut self.stood {
            stood.remove(&pid);
        }
    }

    /// Takes down how the tree was frozen. What stood is only known the first time: afterwards everything does.
    pub(crate) fn freeze(&mut self, outcome: &Outcome, at: BootNanos) {
        self.stood.get_or_insert_with(|| outcome.stood.clone());
        (self.frozen, self.frozen_at, self.by_signal) = (true, at, outcome.by_signal.len());
        self.terminal = outcome.terminal.or(self.terminal);
    }

    /// Returns the processes that are to stand on.
    pub(crate) fn thaw(&mut self) -> HashSet<u32> {
        (self.frozen, self.by_signal) = (false, 0);
        self.stood.take().unwrap_or_default()
    }

    /// Remembers a read secret for the screen; a repeated one moves to the end.
    pub fn remember(&mut self, what: String) {
        self.touched.retain(|known| *known != what);
        if self.touched.len() == TOUCHED_MAX {
            self.touched.pop_front();
        }
        self.touched.push_back(what);
    }

    /// Where its programs lie.
    #[must_use]
    pub fn grounds(&self) -> Grounds<'_> {
        Grounds {
            agent: &self.agent,
            home: self.home.as_deref(),
            workspace: self.workspace.as_deref(),
            prefix: self.prefix.as_deref(),
        }
    }

    /// Remembers the workspace of a client; the one that was not met for longest makes room.
    pub fn serve(&mut self, workspace: Option<PathBuf>, most: usize) {
        let Some(workspace) = workspace else { return };
        self.served.retain(|known| *known != workspace);
        if self.served.len() >= most {
            self.served.remove(0);
        }
        self.served.push(workspace);
    }

    /// Whether a path lies in the workspace of a session that it serves.
    #[must_use]
    pub fn is_served(&self, path: &Path) -> bool {
        self.served.iter().any(|workspace| path.starts_with(workspace))
    }

    #[must_use]
    pub fn touched(&self) -> Vec<String> {
        self.touched.iter().cloned().collect()
    }

    #[must_use]
    pub fn age(&self, now: BootNanos) -> Duration {
        now.since(self.started)
    }
}

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

    /// Removes a process; gives its session, and the process, if that was the last one.
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
    fn the_workspace_is_a_tree_that_the_kernel_did_not_know_until_it_was_told() {
        let mut session = Session::new(SessionId(1), String::new(), String::new(), BootNanos(0));
        (session.workspace, session.workspace_told) = (Some("/shop".into()), BootNanos(7));
        session.project.push("/shop-2".into());
        let trees = |at| session.trees_unknown_at(BootNanos(at)).collect::<Vec<_>>();
        assert_eq!(trees(6), [Path::new("/shop-2"), Path::new("/shop")]);
        assert_eq!(trees(8), [Path::new("/shop-2")]);
    }

    #[test]
    fn what_stood_before_the_first_of_several_freezes_stands_on() {
        let mut session = Session::new(SessionId(1), String::new(), String::new(), BootNanos(0));
        let outcome = |stood: &[u32], terminal| Outcome {
            stood: stood.iter().copied().collect(),
            terminal,
            by_signal: vec![9],
            ..Outcome::default()
        };
        session.freeze(&outcome(&[7], Some(5)), BootNanos(1));
        session.freeze(&outcome(&[7, 9], None), BootNanos(2));
        assert_eq!((session.by_signal, session.terminal), (1, Some(5)));
        assert_eq!(session.thaw(), [7].into());
        assert_eq!((session.frozen, session.by_signal), (false, 0));
        session.freeze(&outcome(&[8], None), BootNanos(3));
        assert_eq!(session.thaw(), [8].into());
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
    fn a_daemon_serves_the_workspaces_of_its_clients_and_forgets_the_oldest() {
        let mut session = Session::new(SessionId(1), "codex".into(), "daemon".into(), BootNanos(0));
        for workspace in ["/a", "/b", "/a", "/c"] {
            session.serve(Some(workspace.into()), 2);
        }
        session.serve(None, 2);
        assert!(session.is_served(Path::new("/a/.env")) && session.is_served(Path::new("/c/x/.env")));
        assert!(!session.is_served(Path::new("/b/.env")) && !session.is_served(Path::new("/ab/.env")));
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
