//! One agent session, and what is known of it.

use std::{
    collections::{HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{outcome::Outcome, suspension::Suspension, touches::Touches};
use crate::{
    breaker::Breaker,
    catalog::secrets::Moved,
    facts::{BootNanos, Container, InPod, Pod, SessionId, SessionStatus},
    recognition::Grounds,
    rules::Memory,
};

/// Secrets remembered for the screen.
const TOUCHED_MAX: usize = 32;

/// One agent session.
pub struct Session {
    pub id: SessionId,
    /// Catalogue id of the agent; `command` for `interlock run`.
    pub agent: String,
    pub recognised_by: String,
    /// Who answers for it: see `interlock_host::proc::person`.
    pub user: u32,
    /// Who had logged in where it began, whatever `sudo` and `su` made of that: an agent that was started through `sudo` is that
    /// person's too. `None` where nobody had.
    pub login: Option<u32>,
    pub command: String,
    /// Where its root began.
    pub container: Option<Container>,
    /// What the cluster says of that one's pod; also of one that is gone.
    pub pod: Option<Arc<Pod>>,
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
    /// For a time nothing of it is stopped. Never while it is frozen.
    pub(crate) suspension: Option<Suspension>,
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
            login: None,
            command: String::new(),
            container: None,
            pod: None,
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
            suspension: None,
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

    /// Whether it began in a pod, and what is known of that.
    #[must_use]
    pub fn in_pod(&self) -> InPod {
        match (&self.pod, &self.container) {
            (Some(pod), _) => InPod::Known(Arc::clone(pod)),
            (None, Some(Container { pod: Some(_), .. })) => InPod::Unknown,
            (None, _) => InPod::Outside,
        }
    }

    /// Whether its tree is stopped, or about to be.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// When it was frozen last.
    #[must_use]
    pub fn frozen_at(&self) -> BootNanos {
        self.frozen_at
    }

    /// Whether its tree was stopped: not yet, where that was decided a moment ago and is still to be carried out.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.frozen && self.stood.is_some()
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

    /// Goes on with the breaker that an earlier daemon wrote down.
    pub fn resume(&mut self, breaker: Breaker) {
        self.breaker = breaker;
    }

    /// While nothing of it is stopped: by whom, and until when.
    #[must_use]
    pub fn suspension(&self) -> Option<&Suspension> {
        self.suspension.as_ref()
    }

    /// The suspension that stands at `now`, also where nobody has looked at its deadline since.
    #[must_use]
    pub fn suspended_at(&self, now: BootNanos) -> Option<&Suspension> {
        self.suspension.as_ref().filter(|suspension| !suspension.is_over(now))
    }

    /// Goes on with the suspension that an earlier daemon wrote down; where its time is over by now, the next tick ends it.
    pub fn stay_suspended(&mut self, suspension: Option<Suspension>) {
        self.suspension = suspension;
    }

    /// It was found frozen by a new daemon. Whoever stood before is not known any more.
    pub fn found_frozen(&mut self) {
        self.suspension = None; // closed: whoever froze it came later
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

    /// Whether a path lies in one of its own trees: that is the session's also where somebody else has read it.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        let trees = self.workspace.iter().chain(&self.project);
        self.is_served(path) || trees.into_iter().any(|tree| path.starts_with(tree))
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_daemon_serves_the_workspaces_of_its_clients_and_forgets_the_oldest() {
        let mut session = Session::new(SessionId(1), "codex".into(), "daemon".into(), BootNanos(0));
        for workspace in ["/a", "/b", "/a", "/c"] {
            session.serve(Some(workspace.into()), 2);
        }
        session.serve(None, 2);
        assert!(session.is_served(Path::new("/a/.env")) && session.is_served(Path::new("/c/x/.env")));
        assert!(!session.is_served(Path::new("/b/.env")) && !session.is_served(Path::new("/ab/.env")));
    }
}
