//! Lives: processes fork, execute and end; agents are recognised and adopted; sessions end.

use std::collections::{HashMap, HashSet};

use monitor_common::{
    event::process::{Exec, ExecCandidate, Exit, Fork},
    label::Label,
};

use super::{beginning::newcomer, engine::Engine, judge::Stake};
use crate::{
    facts::{BootNanos, Process, SessionId, Stage, Subject},
    probes::decode::{strings, text},
    recognition,
    sessions::{
        adoption,
        detection::{Image, Recognised},
        environment,
        life::{Life, life},
        procfs::{self, Running},
    },
};

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
        self.process_ended(exit.header.tgid, BootNanos(exit.header.at_ns));
    }

    /// A process of a session runs a new program.
    pub fn on_exec(&mut self, exec: &Exec) {
        let (pid, session) = (exec.header.tgid, SessionId(exec.header.session));
        let process = Process {
            pid,
            parent: self.registry.process(pid).map_or(0, |known| known.parent),
            start: BootNanos(exec.start_ns),
            executable: text(&exec.filename),
            args: strings(&exec.args, exec.args_len).into(),
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
        let known = self.registry.get(session);
        let home = known.and_then(|session| session.home.as_deref());
        let workspace = known.and_then(|session| session.workspace.as_deref());
        let subjects = recognition::executed(&self.know.catalog, &process, parent, home, workspace);
        let at = BootNanos(exec.header.at_ns);
        let (changed, left) = self.announced.runs(&process);
        let stake = if changed { Stake::Changed } else { Stake::None };
        self.doubt_exec(session, &process, at);
        self.registry.add_process(session, process);
        self.look_around(session, pid);
        self.take_back(left);
        for subject in subjects {
            let stake = if subject == Subject::Exec { stake } else { Stake::None };
            self.judge(session, pid, at, subject, stake);
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
        let process = Process {
            pid,
            parent,
            start: BootNanos(exec.start_ns),
            executable,
            args: args.into(),
            args_unknown: false,
        };
        let newcomer = newcomer(recognised, "");
        self.watch(Running { process, env }, newcomer);
    }

    /// Whether a process is this daemon's business: with `watch_below` only what descends from that process is.
    pub fn watches(&self, pid: u32) -> bool {
        self.config.watch_below.is_none_or(|ancestor| procfs::descends_from(pid, ancestor))
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
            self.watch(running, newcomer(recognised, "adopted, "));
        }
    }

    /// Labels what a root forked before it was labelled itself, until a pass finds nothing new.
    pub fn adopt_descendants(&mut self, root: u32, is_new: bool) {
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
                let (pid, start) = (process.pid, process.start);
                if is_new {
                    self.doubt_descendant(session, &process);
                }
                self.registry.add_process(session, process);
                self.look_around(session, pid);
                self.note_open_sockets(session, pid);
                self.unlabel_if_ended(pid, start);
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
        self.announced.forget_session(id);
        self.judge_deed(id, last, at, Subject::Lifecycle(Stage::Ended), Stake::None);
        self.uplink.remove_session(id);
        self.leave_the_freezer(id);
        self.untag_ended(id);
        self.forget_surveys(id);
        self.names.forget(id);
        self.holds.forget(id.0);
        self.registry.remove(id);
        self.unheard.session_ended();
        self.follow_sessions();
    }

    /// Nobody is left who could be thawed; a group that stays frozen would be nobody's.
    fn leave_the_freezer(&mut self, id: SessionId) {
        let released = self.freezer.release(id);
        let alive = |pid: &u32| matches!(life(*pid, BootNanos(0)), Life::Runs);
        let strangers: Vec<u32> = released.processes.into_iter().filter(alive).collect();
        if !strangers.is_empty() {
            tracing::warn!(session = %id, pids = ?strangers, "stood in its frozen group without being of it, and run again");
        }
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
