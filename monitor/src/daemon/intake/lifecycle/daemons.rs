//! Daemons of agents: one that serves several terminals of its agent is a session of its own.

use std::path::PathBuf;

use interlock_core::{
    catalog::Catalog,
    facts::{Process, SessionId},
    recognition,
    sessions::{Registry, Session},
};

/// Workspaces of clients that one daemon is remembered to serve.
const CLIENTS_MAX: usize = 64;
/// Starters looked at between a daemon and its session's root: launchers and intermediate forks.
const STARTERS_MAX: usize = 8;

/// The agent whose daemon a process of the session has become, where it may leave the session.
pub fn daemon_of(
    sessions: &Registry,
    catalog: &Catalog,
    from: SessionId,
    process: &Process,
) -> Option<String> {
    let session = sessions.get(from)?;
    // Asked of every exec: what costs least comes first.
    let may_leave = process.pid != from.root()
        && !session.serves
        && !session.incomplete
        && !session.is_frozen()
        && catalog.agents.has_daemons(&session.agent)
        && is_daemon(catalog, &session.agent, process)
        && !session.memory.touches().iter().any(|touch| touch.foreign)
        && agent_of(sessions, catalog, from, process) == Some(&session.agent)
        && is_roots_own(sessions, catalog, from, process);
    may_leave.then(|| session.agent.clone())
}

fn is_daemon(catalog: &Catalog, agent: &str, process: &Process) -> bool {
    let args = recognition::own_args(catalog, &process.executable, &process.args);
    catalog.agents.is_daemon(agent, args)
}

/// Whether nobody but the agent's own program stands between a process and its session's root.
fn is_roots_own(sessions: &Registry, catalog: &Catalog, from: SessionId, process: &Process) -> bool {
    let mut pid = process.parent;
    for _ in 0..STARTERS_MAX {
        if pid == from.root() {
            return true;
        }
        let Some(starter) = sessions.actor(from, pid) else { return false };
        if agent_of(sessions, catalog, from, starter).is_none() {
            return false;
        }
        pid = starter.parent;
    }
    false
}

/// The agent whose own program a process of the session runs.
fn agent_of<'c>(
    sessions: &Registry,
    catalog: &'c Catalog,
    id: SessionId,
    process: &Process,
) -> Option<&'c str> {
    let grounds = sessions.get(id)?.grounds();
    recognition::own_program(catalog, &process.executable, &process.args, grounds)
}

/// A new session is a client of its agent's daemons, or a daemon whose clients run already.
pub fn meet_daemons(sessions: &mut Registry, catalog: &Catalog, id: SessionId) {
    let Some(session) = sessions.get(id) else { return };
    let (agent, user, workspace) = (session.agent.clone(), session.user, session.workspace.clone());
    let serves = sessions.process(id.root()).is_some_and(|process| is_daemon(catalog, &agent, process));
    let is_met = |other: &&Session| {
        other.id != id && other.agent == agent && other.user == user && other.serves != serves
    };
    let met: Vec<(SessionId, Option<PathBuf>)> =
        sessions.iter().filter(is_met).map(|other| (other.id, other.workspace.clone())).collect();
    // Each daemon among them, or this one, serves the others' workspaces.
    for (other, its) in met {
        let (server, client) = if serves { (id, its) } else { (other, workspace.clone()) };
        if let Some(server) = sessions.get_mut(server) {
            server.serve(client, CLIENTS_MAX);
        }
    }
    if let Some(session) = sessions.get_mut(id) {
        session.serves = serves;
    }
}
