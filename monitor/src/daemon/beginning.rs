//! Sessions begin: a process gets its label, and the kernel is told what its tree has of its own.

use aya::maps::MapError;
use monitor_common::label::{GATED, Label, Session as KernelSession};

use super::{engine::Engine, unwatched::EnrollError};
use interlock_core::{
    facts::{BootNanos, Process, SessionId, Stage, Subject},
    recognition::{self, detection::Recognised},
    sessions::Session,
};
use interlock_host::proc::surroundings::Surroundings;
use interlock_host::{
    clock::boot_now,
    proc::{
        life::{Life, life},
        origin::Origin,
        person,
        procfs::{self, Running},
        seat::Controlling,
        terminal::{self, has_the_keys},
    },
};

/// When an agent executed its program, and what it had been before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executed {
    pub at: BootNanos,
    /// When it was first looked at.
    pub looked: BootNanos,
    /// [`procfs::reaped`] of it then.
    pub reaped: u64,
}

/// What a new session is known by.
pub(super) struct NewSession {
    pub agent: String,
    pub recognised_by: String,
    pub command: Option<String>,
    /// When it executed its program, where that is why it begins. Of one that ran long before nobody claims to know what it did.
    pub executed: Option<Executed>,
}

impl Engine {
    /// Makes a process the root of a session. The label comes first: what it forks from here on inherits it. What the rules
    /// say of it comes last: they may freeze the tree, which must be known by then. One that ended meanwhile ends its session.
    pub fn begin_session(
        &mut self,
        running: Running,
        new_session: NewSession,
    ) -> Result<SessionId, EnrollError> {
        let Running { process, env } = running;
        if matches!(life(process.pid, process.start), Life::Ending | Life::Ended) {
            return Err(EnrollError::Ended);
        }
        let user = procfs::user(process.pid).ok_or(EnrollError::Ended)?;
        let user = person::person(process.pid, user);
        self.check_share(user)?;
        let id = self.label_root(&process)?;
        let mut session = Session::new(id, new_session.agent, new_session.recognised_by, boot_now());
        session.user = user;
        session.command = new_session.command.unwrap_or_else(|| process.command_line());
        session.home = variable(&env, "HOME").filter(|home| home.starts_with('/'));
        let (pid, start, started, executed) =
            (process.pid, process.start, session.started, new_session.executed);
        session.terminal = terminal::stat(pid).filter(has_the_keys).map(|_| pid);
        session.unattended = self.config.unattended.reason(&env, procfs::has_terminal(pid));
        self.decider.sessions.insert(session);
        let origin = Origin::of(pid, &mut self.mounts);
        let seat = Controlling::of(pid);
        self.surroundings.insert(id, Surroundings { origin, seat, ..Surroundings::default() });
        self.decider.sessions.add_process(id, process);
        self.is_watched(id);
        self.move_stores(id, &env);
        self.survey_whole(id, pid, &env);
        self.settle_prefix(id, pid);
        self.meet_daemons(id);
        self.note_open_sockets(id, pid);
        self.adopt_descendants(pid, executed.is_some());
        if let Some(executed) = executed {
            self.doubt_the_ended(id, executed);
        }
        self.part_daemons(id);
        self.judge_fact(id, pid, started, Subject::Lifecycle(Stage::Started));
        self.judge_inherited(id, pid);
        self.unlabel_if_ended(pid, start);
        self.save();
        Ok(id)
    }

    /// The kernel's table is everybody's: one user's sessions must not leave another's unwatched.
    fn check_share(&self, user: u32) -> Result<(), EnrollError> {
        let most = self.config.sessions_per_user;
        let has = self.decider.sessions.iter().filter(|session| session.user == user).count();
        if user != 0 && has >= most { Err(EnrollError::TooMany { user, most }) } else { Ok(()) }
    }

    fn label_root(&mut self, process: &Process) -> Result<SessionId, MapError> {
        let id = procfs::session_of(process);
        let flags = if self.policies.rules.always_gated() { GATED } else { 0 };
        let session = KernelSession { flags, ..KernelSession::default() };
        // First the label: what the process forks meanwhile is known to be its.
        let labelled = self.maps.add_session(id, session).and_then(|()| {
            self.maps.set_label(process.pid, Label { session: id.0, start_ns: process.start.0 })
        });
        self.expect_session();
        if labelled.is_err() {
            self.maps.remove_session(id);
            self.follow_sessions();
        }
        labelled.map(|()| id)
    }

    /// Notes where the agent is installed: what it relaunches from there is itself.
    fn settle_prefix(&mut self, id: SessionId, pid: u32) {
        let Some((session, root)) = self.decider.sessions.get(id).zip(self.decider.sessions.process(pid))
        else {
            return;
        };
        let (home, workspace) = (session.home.as_deref(), session.workspace.as_deref());
        let prefix = recognition::prefix(&self.policies.catalog, root, home, workspace);
        if let Some(session) = self.decider.sessions.get_mut(id) {
            session.prefix = prefix;
        }
    }

    /// Notes where the session's variables put its stores. `env` is its root's.
    pub fn move_stores(&mut self, id: SessionId, env: &[(String, String)]) {
        let moved = self.policies.catalog.secrets.moved(&|name: &str| variable(env, name));
        let names_change = !moved.is_empty();
        if let Some(session) = self.decider.sessions.get_mut(id) {
            session.moved = moved;
        }
        if names_change && let Err(error) = self.write_names() {
            tracing::error!(session = %id, %error, "stores that variables moved are known by their inodes only");
        }
    }
}

pub(super) fn new_session(recognised: Recognised, how: &str) -> NewSession {
    let asks_nobody = recognised.approval_off.map(|by| format!(", asks nobody ({by})")).unwrap_or_default();
    NewSession {
        agent: recognised.agent,
        recognised_by: format!("{how}{}{asks_nobody}", recognised.by),
        command: None,
        executed: None,
    }
}

pub(super) fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}
