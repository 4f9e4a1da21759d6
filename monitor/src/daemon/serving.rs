//! Services of agents: a daemon that serves several terminals of its agent, a multiplexer's server that an agent runs its
//! commands in.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{beginning::new_session, engine::Engine, unwatched::EnrollError};
use interlock_core::{
    facts::{Process, SessionId, Subject},
    recognition::{
        self,
        detection::{Recognised, Strength},
    },
    sessions::Session,
};
use interlock_host::proc::{
    listener,
    procfs::{self, Running},
};

/// Workspaces of clients that one daemon is remembered to serve.
const CLIENTS_MAX: usize = 64;
/// Starters looked at between a daemon and its session's root: launchers and intermediate forks.
const STARTERS_MAX: usize = 8;

impl Engine {
    /// A member of a session became its agent's daemon, which serves others too: it becomes a session of its own, so that
    /// what it runs for another terminal is not the first one's.
    ///
    /// Only what the session's root itself starts: a daemon that a command starts belongs to the command, else every session
    /// could leave what it touched behind. For the same reason the session must not have touched anything yet.
    pub fn part_daemon(&mut self, from: SessionId, process: &Process) {
        let Some(agent) = self.daemon_of(from, process) else { return };
        let Some(running) = procfs::read(process.pid) else { return };
        let running = Running { process: process.clone(), env: running.env };
        let recognised = Recognised {
            by: format!("daemon of {from}"),
            strength: Strength::Strong,
            is_set_by_agent: false,
            approval_off: None,
            agent,
        };
        match self.begin_session(running, new_session(recognised, "")) {
            Ok(id) => self.take_along(process.pid, from, id),
            Err(EnrollError::Ended) => {}
            // Fails closed: it stays in the session that started it, and is watched as a part of that.
            Err(why) => {
                tracing::warn!(session = %from, pid = process.pid, %why, "a daemon of its agent stays in its session")
            }
        }
    }

    /// The same of those that were executed before they were labelled.
    pub fn part_daemons(&mut self, from: SessionId) {
        let members: Vec<Process> = self
            .decider
            .sessions
            .processes()
            .filter(|(session, process)| *session == from && process.pid != from.root())
            .map(|(_, process)| process.clone())
            .collect();
        members.iter().for_each(|process| self.part_daemon(from, process));
    }

    /// The agent whose daemon a process of the session has become, where it may leave the session.
    fn daemon_of(&self, from: SessionId, process: &Process) -> Option<String> {
        let session = self.decider.sessions.get(from)?;
        // Asked of every exec: what costs least comes first.
        let may_leave = process.pid != from.root()
            && !session.serves
            && !session.incomplete
            && !session.is_frozen()
            && self.policies.catalog.agents.has_daemons(&session.agent)
            && self.is_daemon(&session.agent, process)
            && !session.memory.touches().iter().any(|touch| touch.foreign)
            && self.agent_of(from, process) == Some(&session.agent)
            && self.is_roots_own(from, process);
        may_leave.then(|| session.agent.clone())
    }

    fn is_daemon(&self, agent: &str, process: &Process) -> bool {
        let catalog = &self.policies.catalog;
        let args = recognition::own_args(catalog, &process.executable, &process.args);
        catalog.agents.is_daemon(agent, args)
    }

    /// Whether nobody but the agent's own program stands between a process and its session's root.
    fn is_roots_own(&self, from: SessionId, process: &Process) -> bool {
        let mut pid = process.parent;
        for _ in 0..STARTERS_MAX {
            if pid == from.root() {
                return true;
            }
            let Some(starter) = self.decider.sessions.actor(from, pid) else { return false };
            if self.agent_of(from, starter).is_none() {
                return false;
            }
            pid = starter.parent;
        }
        false
    }

    /// The agent whose own program a process of the session runs.
    fn agent_of(&self, id: SessionId, process: &Process) -> Option<&str> {
        let grounds = self.decider.sessions.get(id)?.grounds();
        recognition::own_program(&self.policies.catalog, &process.executable, &process.args, grounds)
    }

    /// A new session is a client of its agent's daemons, or a daemon whose clients run already.
    pub fn meet_daemons(&mut self, id: SessionId) {
        let Some(session) = self.decider.sessions.get(id) else { return };
        let (agent, user, workspace) = (session.agent.clone(), session.user, session.workspace.clone());
        let serves =
            self.decider.sessions.process(id.root()).is_some_and(|process| self.is_daemon(&agent, process));
        let is_met = |other: &&Session| {
            other.id != id && other.agent == agent && other.user == user && other.serves != serves
        };
        let met: Vec<(SessionId, Option<PathBuf>)> = self
            .decider
            .sessions
            .iter()
            .filter(is_met)
            .map(|other| (other.id, other.workspace.clone()))
            .collect();
        // Each daemon among them, or this one, serves the others' workspaces.
        for (other, its) in met {
            let (server, client) = if serves { (id, its) } else { (other, workspace.clone()) };
            if let Some(server) = self.decider.sessions.get_mut(server) {
                server.serve(client, CLIENTS_MAX);
            }
        }
        if let Some(session) = self.decider.sessions.get_mut(id) {
            session.serves = serves;
        }
    }

    /// The server of a multiplexer that serves nobody but the agent: old, it is followed from now on; fresh, it descends
    /// from whoever asked for it. Gives whether nobody outside of the session is asked.
    pub fn follows_own_server(&mut self, id: SessionId, process: &Process) -> bool {
        let Some(session) = self.decider.sessions.get(id) else { return false };
        let (agent, user) = (session.agent.clone(), session.user);
        let Some(path) = multiplexer_socket(process, user) else { return false };
        // The client may have ended by now: asked is who lives as long as the session.
        if !self.policies.catalog.agents.owns_socket(&agent, &path) || !listener::shares_network(id.root()) {
            return false;
        }
        let Some(inodes) = self.listening_at(id, &path) else { return false };
        for inode in &inodes {
            if !self.session_listens(id, *inode) && !self.join_listener(id, user, *inode, process.name()) {
                return false;
            }
        }
        true
    }

    /// Whether the service at `path` is one that the session runs itself. What it starts carries the session's label.
    pub fn is_own_service(&mut self, id: SessionId, caller: u32, path: &str) -> bool {
        let sees_other_sockets = || listener::is_elsewhere(caller) || !listener::shares_network(id.root());
        if !path.starts_with('/') || sees_other_sockets() {
            return false;
        }
        let Some(inodes) = self.listening_at(id, path) else { return false };
        !inodes.is_empty() && inodes.iter().all(|inode| self.session_listens(id, *inode))
    }

    /// The list is as long as everybody's sockets together are many. Fails closed: what was not looked for is a stranger's.
    fn listening_at(&mut self, id: SessionId, path: &str) -> Option<Vec<u64>> {
        if self.searches.wide_bounds(id).is_spent() {
            self.searches.took(id, Duration::ZERO, Some("listener"));
            return None;
        }
        let began = Instant::now();
        let inodes = listener::listening_at(path);
        self.searches.took(id, began.elapsed(), None);
        inodes
    }

    fn session_listens(&mut self, id: SessionId, inode: u64) -> bool {
        let known = self.listeners.get(&(id, inode)).copied();
        if known.is_some_and(|pid| self.decider.sessions.session_of(pid) == Some(id)) {
            return true;
        }
        // Fails closed: a listener that was not found in time is a stranger's.
        let (began, mut bounds) = (Instant::now(), self.searches.wide_bounds(id));
        let pids = self.decider.sessions.pids(id, id.root());
        let found = pids.into_iter().find(|pid| listener::holds(*pid, inode, &mut bounds));
        self.searches.took(id, began.elapsed(), bounds.were_met().then_some("listener"));
        match found {
            Some(pid) => self.listeners.insert((id, inode), pid),
            None => self.listeners.remove(&(id, inode)),
        };
        found.is_some()
    }

    /// Takes the server that listens into the session, with everything that runs in it. Only a program of the same name, of
    /// the same user, that belongs to no session.
    fn join_listener(&mut self, id: SessionId, user: u32, inode: u64, program: &str) -> bool {
        let is_server = |pid: &u32| {
            let file = procfs::executable(*pid);
            file.is_some_and(|file| file.rsplit('/').next() == Some(program))
                && procfs::user(*pid) == Some(user)
                && self.maps.label(*pid).is_none()
                && self.watches(*pid)
        };
        let servers: Vec<u32> = procfs::parents().into_iter().map(|(pid, _)| pid).filter(is_server).collect();
        let (began, mut bounds) = (Instant::now(), self.searches.wide_bounds(id));
        let server = servers.into_iter().find(|pid| listener::holds(*pid, inode, &mut bounds));
        self.searches.took(id, began.elapsed(), bounds.were_met().then_some("listener"));
        let Some(server) = server else { return false };
        tracing::info!(session = %id, pid = server, "the agent's own multiplexer is followed from now on");
        self.adopt_member(id, server);
        self.decider.sessions.session_of(server) == Some(id)
    }
}

/// The socket of the server that a multiplexer's client speaks with: tmux(1), `-L NAME` and `-S PATH`.
fn multiplexer_socket(process: &Process, user: u32) -> Option<String> {
    if process.name() != "tmux" {
        return None;
    }
    let mut args = process.args.iter().skip(1);
    while let Some(arg) = args.next() {
        let value = |option: &str| arg.strip_prefix(option).filter(|rest| !rest.is_empty());
        match arg.as_str() {
            "-L" => return args.next().map(|name| format!("/tmp/tmux-{user}/{name}")),
            "-S" => return args.next().cloned(),
            "-c" | "-f" | "-T" => drop(args.next()),
            _ if value("-L").is_some() => return value("-L").map(|name| format!("/tmp/tmux-{user}/{name}")),
            _ if value("-S").is_some() => return value("-S").map(str::to_owned),
            _ if arg.starts_with('-') => {}
            _ => return None,
        }
    }
    None
}

/// What of an exec's subjects concerns somebody outside of the session.
pub(super) fn without_delegation(subjects: Vec<Subject>) -> Vec<Subject> {
    subjects.into_iter().filter(|subject| !matches!(subject, Subject::Delegate(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_a_client_is_told_by_its_options() {
        let socket = |line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let process = Process { executable: args[0].clone(), args: args.into(), ..Process::default() };
            multiplexer_socket(&process, 7)
        };
        let at = |path: &str| Some(path.to_owned());
        assert_eq!(socket("/usr/bin/tmux -L openhands send-keys -t x"), at("/tmp/tmux-7/openhands"));
        assert_eq!(socket("tmux -2 -f /dev/null -Lopenhands new"), at("/tmp/tmux-7/openhands"));
        assert_eq!(socket("tmux -S /run/x/s new -L other"), at("/run/x/s"));
        for other in ["tmux", "tmux new -L x", "tmux -f x new", "screen -S x"] {
            assert_eq!(socket(other), None, "{other}");
        }
    }
}
