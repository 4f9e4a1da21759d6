//! Lives: processes fork, execute and end; agents are recognised and adopted; sessions end.

use std::collections::HashSet;

use monitor_common::{
    event::process::{Exec, Exit, Fork},
    label::Label,
};

use super::{engine::Engine, serving::without_delegation};
use interlock_core::{
    decide::{Input, Pending},
    facts::{BootNanos, Process, SessionId, Stage, Subject},
    recognition,
    sessions::{Session, adoption},
    strings::{strings, text},
};
use interlock_host::proc::{
    life::{Life, life},
    procfs,
};

impl Engine {
    pub fn on_fork(&mut self, fork: &Fork) {
        self.decider.sessions.fork(
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
            parent: self.decider.sessions.process(pid).map_or(0, |known| known.parent),
            start: BootNanos(exec.start_ns),
            executable: text(&exec.filename),
            args: strings(&exec.args, exec.args_len).into(),
            args_unknown: exec.args_size > exec.args_len,
        };
        let parent = self.decider.sessions.process(process.parent);
        let starters = [parent, parent.and_then(|parent| self.decider.sessions.process(parent.parent))];
        let grounds = self.decider.sessions.get(session).map(Session::grounds).unwrap_or_default();
        let subjects = recognition::executed(&self.policies.catalog, &process, starters, grounds);
        let at = BootNanos(exec.header.at_ns);
        let (changed, left) = self.decider.execs.runs(&process);
        let pending = if changed { Pending::Changed } else { Pending::None };
        self.doubt_exec(session, &process, at);
        self.decider.sessions.add_process(session, process.clone());
        self.look_around(session, pid);
        self.take_back(left);
        let own = subjects.len() > 1 && self.follows_own_server(session, &process);
        let subjects = if own { without_delegation(subjects) } else { subjects };
        for subject in subjects {
            let pending = if subject == Subject::Exec { pending } else { Pending::None };
            self.judge(session, pid, at, subject, pending);
        }
        self.part_daemon(session, &process);
    }

    /// Labels what a root forked before it was labelled itself, until a pass finds nothing new.
    pub fn adopt_descendants(&mut self, root: u32, is_new: bool) {
        let Some(session) = self.decider.sessions.session_of(root) else { return };
        self.adopt_tree(root, session, is_new, |label| label.is_none());
    }

    /// Takes a process that belongs to no session into one, with its descendants.
    pub fn adopt_member(&mut self, session: SessionId, pid: u32) {
        let Some(running) = procfs::read(pid) else { return };
        if self.adopt_one(session, running.process) {
            self.adopt_tree(pid, session, false, |label| label.is_none());
        }
    }

    /// What `root` forked while it still carried the label of `from` moves to `session` with it.
    pub fn take_along(&mut self, root: u32, from: SessionId, session: SessionId) {
        self.adopt_tree(root, session, false, |label| label.is_none_or(|label| label.session == from.0));
    }

    fn adopt_tree(
        &mut self,
        root: u32,
        session: SessionId,
        is_new: bool,
        is_missing: impl Fn(Option<Label>) -> bool,
    ) {
        loop {
            let assigned = adoption::assign(&procfs::parents(), &HashSet::from([root]));
            let missing: Vec<u32> =
                assigned.into_keys().filter(|pid| is_missing(self.maps.label(*pid))).collect();
            let mut found = false;
            for running in missing.into_iter().filter_map(procfs::read) {
                if is_new {
                    self.doubt_descendant(session, &running.process);
                }
                found |= self.adopt_one(session, running.process);
            }
            if !found {
                return;
            }
        }
    }

    fn adopt_one(&mut self, session: SessionId, process: Process) -> bool {
        let label = Label { session: session.0, start_ns: process.start.0 };
        if let Err(error) = self.maps.set_label(process.pid, label) {
            tracing::error!(pid = process.pid, %error, "a descendant cannot be labelled; it runs unwatched");
            return false;
        }
        let (pid, start) = (process.pid, process.start);
        self.decider.sessions.add_process(session, process);
        self.look_around(session, pid);
        self.note_open_sockets(session, pid);
        self.unlabel_if_ended(pid, start);
        true
    }

    /// The last process of a session has ended.
    pub fn end_session(&mut self, id: SessionId, last: Process, at: BootNanos) {
        self.step(Input::Ending(id));
        self.settle_flows_of(id, at);
        self.forget_asking(id);
        self.judge_deed(id, last, at, Subject::Lifecycle(Stage::Ended), Pending::None);
        self.maps.remove_session(id);
        self.leave_the_freezer(id);
        self.untag_ended(id);
        self.forget_surveys(id);
        self.searches.forget(id);
        self.names.forget(id);
        self.listeners.retain(|(session, _), _| *session != id);
        self.step(Input::Over(id));
        self.surroundings.remove(&id);
        self.unwatched_log.session_ended();
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
