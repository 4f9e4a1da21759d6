//! Lives: processes fork, execute and end; sessions begin, are adopted and end.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use monitor_common::{
    event::process::{Exec, ExecCandidate, Exit, Fork},
    label::{GATED, Label, Session as KernelSession},
};

use super::{engine::Engine, judge::Stake};
use crate::{
    clock::boot_now,
    facts::{BootNanos, Process, SessionId, Stage, Subject},
    probes::{
        decode::{strings, text},
        inode::Mounts,
    },
    recognition,
    sessions::{
        Session, adoption,
        detection::{Image, Recognised},
        environment,
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
    pub fn on_fork(&mut self, fork: &Fork) {
        self.registry.fork(
            SessionId(fork.header.session),
            fork.header.tgid,
            fork.child,
            BootNanos(fork.child_start_ns),
        );
    }

    pub fn on_exit(&mut self, exit: &Exit) {
        for hold in self.holds.caller_ended(exit.header.tgid) {
            self.hold_is_gone(hold);
        }
        if let Some((session, last)) = self.registry.exit(exit.header.tgid) {
            self.end_session(session, last, BootNanos(exit.header.at_ns));
        }
    }

    /// A process of a session runs a new program.
    pub fn on_exec(&mut self, exec: &Exec) {
        let (pid, session) = (exec.header.tgid, SessionId(exec.header.session));
        let process = Process {
            pid,
            parent: self.registry.process(pid).map_or(0, |known| known.parent),
            start: BootNanos(exec.start_ns),
            executable: text(&exec.filename),
            args: strings(&exec.args, exec.args_len),
            args_unknown: exec.args_size > exec.args_len,
        };
        // Git runs its helpers by a shell.
        let parent = self.registry.process(process.parent).map(|parent| {
            let behind = || self.registry.process(parent.parent);
            Some(parent)
                .filter(|parent| environment::is_shell_command(parent))
                .and_then(|_| behind())
                .unwrap_or(parent)
        });
        let home = self.registry.get(session).and_then(|session| session.home.as_deref());
        let subjects = recognition::executed(&self.know.catalog, &process, parent, home);
        self.registry.add_process(session, process);
        for subject in subjects {
            self.judge_fact(session, pid, BootNanos(exec.header.at_ns), subject);
        }
    }

    /// A process without a label runs a new program: is it an agent?
    pub fn on_candidate(&mut self, candidate: &ExecCandidate) {
        let exec = &candidate.exec;
        let args = strings(&exec.args, exec.args_len);
        let executable = text(&exec.filename);
        let cut = exec.env_size > exec.env_len;
        let mut env = variables(&strings(&candidate.env, exec.env_len), cut);
        let pid = exec.header.tgid;
        let mut recognised =
            self.know.catalog.agents.recognise(&Image { executable: &executable, args: &args, env: &env });
        if recognised.is_none() && cut {
            // Only the end of a large environment fits into a record; the whole is read where the process still runs.
            env = procfs::read(pid).map(|running| running.env).unwrap_or(env);
            recognised = self.know.catalog.agents.recognise(&Image {
                executable: &executable,
                args: &args,
                env: &env,
            });
        }
        let Some(recognised) = recognised else { return };
        if !self.watches(pid) || self.uplink.label(pid).is_some() {
            return;
        }
        let parent = procfs::read(pid).map_or(0, |running| running.process.parent);
        let process =
            Process { pid, parent, start: BootNanos(exec.start_ns), executable, args, args_unknown: false };
        let newcomer = newcomer(recognised, "");
        self.begin_session(Running { process, env }, newcomer);
    }

    /// Whether a process is this daemon's business: with `watch_below` only what descends from that process is.
    pub fn watches(&self, pid: u32) -> bool {
        self.config.watch_below.is_none_or(|ancestor| procfs::descends_from(pid, ancestor))
    }

    /// Makes a process the root of a session. The label comes first: what it forks from here on inherits it. What the rules
    /// say of it comes last: they may freeze the tree, which must be known by then.
    pub fn begin_session(&mut self, running: Running, newcomer: Newcomer) -> Option<SessionId> {
        let Running { process, env } = running;
        let id = procfs::session_of(&process);
        let flags = if self.know.rules.always_gated() { GATED } else { 0 };
        let session = KernelSession { flags, ..KernelSession::default() };
        self.expect_session();
        let labelled = self.uplink.add_session(id, session).and_then(|()| {
            self.uplink.set_label(process.pid, Label { session: id.0, start_ns: process.start.0 })
        });
        if let Err(error) = labelled {
            // Fails open, visibly: the process runs unwatched.
            tracing::error!(pid = process.pid, %error, "the session cannot be labelled; it runs unwatched");
            self.uplink.remove_session(id);
            self.follow_sessions();
            return None;
        }
        let mut session = Session::new(id, newcomer.agent, newcomer.recognised_by, boot_now());
        session.user = procfs::user(process.pid);
        session.command = newcomer.command.unwrap_or_else(|| crate::sessions::command_line(&process));
        session.home = variable(&env, "HOME").or_else(|| procfs::home_of(session.user));
        let (pid, started) = (process.pid, session.started);
        self.registry.insert(session);
        self.registry.add_process(id, process);
        self.settle_workspace(id, pid);
        self.tag_secrets(id, &env);
        self.note_open_sockets(id, pid);
        self.adopt_descendants(pid);
        self.judge_fact(id, pid, started, Subject::Lifecycle(Stage::Started));
        self.save();
        Some(id)
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

    /// Finds the agents that were running before the daemon.
    pub fn adopt(&mut self) {
        let parents = procfs::parents();
        let mut roots: HashMap<u32, (Running, Recognised)> = HashMap::new();
        for (pid, _) in &parents {
            if self.uplink.label(*pid).is_some() || !self.watches(*pid) {
                continue;
            }
            let Some(running) = procfs::read(*pid) else { continue };
            let image = Image {
                executable: &running.process.executable,
                args: &running.process.args,
                env: &running.env,
            };
            // A script runs under its interpreter's name; its own is the first argument.
            let script = running.process.args.get(1).filter(|argument| argument.contains('/'));
            let as_script = || {
                let executable = script?.as_str();
                self.know.catalog.agents.recognise(&Image { executable, ..image })
            };
            if let Some(recognised) = self.know.catalog.agents.recognise(&image).or_else(as_script) {
                roots.insert(*pid, (running, recognised));
            }
        }
        let known: HashSet<u32> = roots.keys().copied().collect();
        let assigned = adoption::assign(&parents, &known);
        let mut outermost: Vec<u32> =
            known.into_iter().filter(|pid| assigned.get(pid) == Some(pid)).collect();
        outermost.sort_unstable();
        for root in outermost {
            let Some((running, recognised)) = roots.remove(&root) else { continue };
            self.begin_session(running, newcomer(recognised, "adopted, "));
        }
    }

    /// Labels what a root forked before it was labelled itself, until a pass finds nothing new.
    fn adopt_descendants(&mut self, root: u32) {
        let Some(session) = self.registry.session_of(root) else { return };
        loop {
            let assigned = adoption::assign(&procfs::parents(), &HashSet::from([root]));
            let missing: Vec<u32> =
                assigned.into_keys().filter(|pid| self.uplink.label(*pid).is_none()).collect();
            let mut found = false;
            for running in missing.into_iter().filter_map(procfs::read) {
                let process = running.process;
                let label = Label { session: session.0, start_ns: process.start.0 };
                if let Err(error) = self.uplink.set_label(process.pid, label) {
                    tracing::error!(pid = process.pid, %error, "a descendant cannot be labelled; it runs unwatched");
                    continue;
                }
                found = true;
                let pid = process.pid;
                self.registry.add_process(session, process);
                self.note_open_sockets(session, pid);
            }
            if !found {
                return;
            }
        }
    }

    /// The last process of a session has ended.
    pub fn end_session(&mut self, id: SessionId, last: Process, at: BootNanos) {
        for hold in self.holds.of_session(id.0) {
            self.hold_is_gone(hold);
        }
        self.settle_flows_of(id, at);
        self.forget_asking(id);
        self.judge_deed(id, last, at, Subject::Lifecycle(Stage::Ended), Stake::None);
        self.uplink.remove_session(id);
        self.untag_ended(id);
        self.names.forget(id);
        self.holds.forget(id.0);
        self.registry.remove(id);
        self.follow_sessions();
    }
}

fn newcomer(recognised: Recognised, how: &str) -> Newcomer {
    let asks_nobody = recognised.approval_off.map(|by| format!(", asks nobody ({by})")).unwrap_or_default();
    Newcomer {
        agent: recognised.agent,
        recognised_by: format!("{how}{}{asks_nobody}", recognised.by),
        command: None,
    }
}

/// `NAME=value` strings; where the block's beginning is missing, the first piece is half a variable.
fn variables(block: &[String], cut: bool) -> Vec<(String, String)> {
    block
        .iter()
        .skip(usize::from(cut))
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}
