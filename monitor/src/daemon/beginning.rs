//! Sessions begin: a process gets its label, and the kernel is told what its tree has of its own.

use std::path::{Path, PathBuf};

use aya::maps::MapError;
use monitor_common::label::{GATED, Label, Session as KernelSession};

use super::{engine::Engine, unwatched::Unwatched};
use crate::{
    clock::boot_now,
    facts::{Process, SessionId, Stage, Subject},
    probes::inode::Mounts,
    recognition,
    sessions::{
        Session, command_line,
        detection::Recognised,
        life::{Life, life},
        procfs::{self, Running},
        workspace,
    },
};

/// What a new session is known by.
pub(super) struct Newcomer {
    pub agent: String,
    pub recognised_by: String,
    pub command: Option<String>,
}

impl Engine {
    /// Makes a process the root of a session. The label comes first: what it forks from here on inherits it. What the rules
    /// say of it comes last: they may freeze the tree, which must be known by then. One that ended meanwhile ends its session.
    pub fn begin_session(&mut self, running: Running, newcomer: Newcomer) -> Result<SessionId, Unwatched> {
        let Running { process, env } = running;
        if matches!(life(process.pid, process.start), Life::Ending | Life::Ended) {
            return Err(Unwatched::Ended);
        }
        let user = procfs::user(process.pid).ok_or(Unwatched::Ended)?;
        self.check_share(user)?;
        let id = self.label_root(&process)?;
        let mut session = Session::new(id, newcomer.agent, newcomer.recognised_by, boot_now());
        session.user = user;
        session.command = newcomer.command.unwrap_or_else(|| command_line(&process));
        session.home = variable(&env, "HOME").or_else(|| procfs::home_of(session.user));
        let (pid, start, started) = (process.pid, process.start, session.started);
        self.registry.insert(session);
        self.registry.add_process(id, process);
        self.settle_workspace(id, pid);
        self.settle_prefix(id, pid);
        self.meet_daemons(id);
        self.tag_secrets(id, &env);
        self.note_open_sockets(id, pid);
        self.adopt_descendants(pid);
        self.part_daemons(id);
        self.judge_fact(id, pid, started, Subject::Lifecycle(Stage::Started));
        self.unlabel_if_ended(pid, start);
        self.save();
        Ok(id)
    }

    /// The kernel's table is everybody's: one user's sessions must not leave another's unwatched.
    fn check_share(&self, user: u32) -> Result<(), Unwatched> {
        let most = self.config.sessions_per_user;
        let has = self.registry.iter().filter(|session| session.user == user).count();
        if user != 0 && has >= most { Err(Unwatched::TooMany { user, most }) } else { Ok(()) }
    }

    fn label_root(&mut self, process: &Process) -> Result<SessionId, MapError> {
        let id = procfs::session_of(process);
        let flags = if self.know.rules.always_gated() { GATED } else { 0 };
        let session = KernelSession { flags, ..KernelSession::default() };
        self.expect_session();
        let labelled = self.uplink.add_session(id, session).and_then(|()| {
            self.uplink.set_label(process.pid, Label { session: id.0, start_ns: process.start.0 })
        });
        if labelled.is_err() {
            self.uplink.remove_session(id);
            self.follow_sessions();
        }
        labelled.map(|()| id)
    }

    /// Notes where the agent is installed: what it relaunches from there is itself.
    fn settle_prefix(&mut self, id: SessionId, pid: u32) {
        let Some((session, root)) = self.registry.get(id).zip(self.registry.process(pid)) else { return };
        let (home, workspace) = (session.home.as_deref(), session.workspace.as_deref());
        let prefix = recognition::prefix(&self.know.catalog, root, home, workspace);
        if let Some(session) = self.registry.get_mut(id) {
            session.prefix = prefix;
        }
    }

    /// Tells the kernel which directory tree is the session's own.
    fn settle_workspace(&mut self, id: SessionId, pid: u32) {
        let home = self.registry.get(id).and_then(|session| session.home.clone()).map(PathBuf::from);
        let Some(cwd) = procfs::working_directory(pid) else { return };
        let Some(workspace) = workspace::workspace(&cwd, home.as_deref()) else { return };
        // Through the process's own root, so that a container's or a mount namespace's tree is the one looked at.
        let seen = Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(workspace.strip_prefix("/").unwrap_or(&workspace));
        match Mounts::of(pid).identify(&seen) {
            Ok(key) => {
                let flags = self.uplink.session(id).map_or(0, |session| session.flags);
                let told = self
                    .uplink
                    .set_session(id, KernelSession { workspace_ino: key.ino, workspace_dev: key.dev, flags });
                if let Err(error) = told {
                    tracing::warn!(session = %id, %error, "the workspace is unknown to the kernel: every secret is foreign");
                }
                if let Some(session) = self.registry.get_mut(id) {
                    session.workspace = Some(workspace);
                }
            }
            Err(error) => {
                tracing::warn!(session = %id, %error, "the workspace cannot be identified: every secret is foreign")
            }
        }
    }

    /// Tags the secrets that exist by device and inode: a hard link or another name leads to the same tag. `env` says
    /// where the session's programs keep their stores.
    pub fn tag_secrets(&mut self, id: SessionId, env: &[(String, String)]) {
        let lookup = |name: &str| variable(env, name);
        let moved = self.know.catalog.secrets.moved(&lookup);
        let names_change = !moved.is_empty();
        if let Some(session) = self.registry.get_mut(id) {
            session.moved = moved;
        }
        if names_change && let Err(error) = self.write_names() {
            tracing::error!(session = %id, %error, "stores that variables moved are known by their inodes only");
        }
        let Some(home) = self.registry.get(id).and_then(|session| session.home.clone()) else { return };
        let mounts = Mounts::own();
        let workspace = self.registry.get(id).and_then(|session| session.workspace.clone());
        let stores = self.know.catalog.secrets.existing(Path::new(&home), &lookup);
        // What lies in the workspace is its own, and known by name.
        let foreign =
            |path: &PathBuf| workspace.as_ref().is_none_or(|workspace| !path.starts_with(workspace));
        for (path, entry) in stores.into_iter().filter(|(path, _)| foreign(path)) {
            let Some(tag) = self.know.catalog.secrets.kernel_tag(entry) else { continue };
            let Ok(anchor) = mounts.anchor(&path) else { continue }; // gone meanwhile; its name still matches
            self.tag(id, anchor, tag);
        }
    }
}

pub(super) fn newcomer(recognised: Recognised, how: &str) -> Newcomer {
    let asks_nobody = recognised.approval_off.map(|by| format!(", asks nobody ({by})")).unwrap_or_default();
    Newcomer {
        agent: recognised.agent,
        recognised_by: format!("{how}{}{asks_nobody}", recognised.by),
        command: None,
    }
}

fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}
