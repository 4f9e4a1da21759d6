//! Services that a session runs itself: a multiplexer's server that an agent runs its commands in.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::daemon::{
    context::{Context, flows::searches::Searches},
    intake::lifecycle::{adopt, agents},
};
use interlock_core::{
    facts::{Process, SessionId, Subject},
    sessions::Registry,
};
use interlock_host::proc::{listener, procfs};

/// The server of a multiplexer that serves nobody but the agent: old, it is followed from now on; fresh, it descends
/// from whoever asked for it. Returns whether nobody outside of the session is asked.
pub fn follows_own_server(ctx: &mut Context, id: SessionId, process: &Process) -> bool {
    let Some(session) = ctx.decider.sessions.get(id) else { return false };
    let (agent, user) = (session.agent.clone(), session.user);
    let Some(path) = multiplexer_socket(process, user) else { return false };
    // The client may have ended by now: asked is who lives as long as the session.
    if !ctx.policies.catalog.agents.owns_socket(&agent, &path) || !listener::shares_network(id.root()) {
        return false;
    }
    let Some(inodes) = listening_at(&mut ctx.flows.searches, id, &path) else { return false };
    for inode in &inodes {
        if !session_listens(
            &ctx.decider.sessions,
            &mut ctx.flows.listeners,
            &mut ctx.flows.searches,
            id,
            *inode,
        ) && !join_listener(ctx, id, user, *inode, process.name())
        {
            return false;
        }
    }
    true
}

/// Whether the service at `path` is one that the session runs itself. What it starts carries the session's label.
pub fn is_own_service(
    sessions: &Registry,
    listeners: &mut HashMap<(SessionId, u64), u32>,
    searches: &mut Searches,
    id: SessionId,
    caller: u32,
    path: &str,
) -> bool {
    let sees_other_sockets = || listener::is_elsewhere(caller) || !listener::shares_network(id.root());
    if !path.starts_with('/') || sees_other_sockets() {
        return false;
    }
    let Some(inodes) = listening_at(searches, id, path) else { return false };
    !inodes.is_empty()
        && inodes.iter().all(|inode| session_listens(sessions, listeners, searches, id, *inode))
}

/// The list is as long as everybody's sockets together are many. Fails closed: what was not looked for is a stranger's.
fn listening_at(searches: &mut Searches, id: SessionId, path: &str) -> Option<Vec<u64>> {
    if searches.wide_bounds(id).is_spent() {
        searches.took(id, Duration::ZERO, Some("listener"));
        return None;
    }
    let began = Instant::now();
    let inodes = listener::listening_at(path);
    searches.took(id, began.elapsed(), None);
    inodes
}

fn session_listens(
    sessions: &Registry,
    listeners: &mut HashMap<(SessionId, u64), u32>,
    searches: &mut Searches,
    id: SessionId,
    inode: u64,
) -> bool {
    let known = listeners.get(&(id, inode)).copied();
    if known.is_some_and(|pid| sessions.session_of(pid) == Some(id)) {
        return true;
    }
    // Fails closed: a listener that was not found in time is a stranger's.
    let (began, mut bounds) = (Instant::now(), searches.wide_bounds(id));
    let pids = sessions.pids(id, id.root());
    let found = pids.into_iter().find(|pid| listener::holds(*pid, inode, &mut bounds));
    searches.took(id, began.elapsed(), bounds.were_met().then_some("listener"));
    match found {
        Some(pid) => listeners.insert((id, inode), pid),
        None => listeners.remove(&(id, inode)),
    };
    found.is_some()
}

/// Takes the server that listens into the session, with everything that runs in it. Only a program of the same name, of
/// the same user, that belongs to no session.
fn join_listener(ctx: &mut Context, id: SessionId, user: u32, inode: u64, program: &str) -> bool {
    let is_server = |pid: &u32| {
        let file = procfs::executable(*pid);
        file.is_some_and(|file| file.rsplit('/').next() == Some(program))
            && procfs::user(*pid) == Some(user)
            && ctx.kernel.maps.label(*pid).is_none()
            && agents::watches(&ctx.config, *pid)
    };
    let servers: Vec<u32> = procfs::parents().into_iter().map(|(pid, _)| pid).filter(is_server).collect();
    let (began, mut bounds) = (Instant::now(), ctx.flows.searches.wide_bounds(id));
    let server = servers.into_iter().find(|pid| listener::holds(*pid, inode, &mut bounds));
    ctx.flows.searches.took(id, began.elapsed(), bounds.were_met().then_some("listener"));
    let Some(server) = server else { return false };
    tracing::info!(session = %id, pid = server, "the agent's own multiplexer is followed from now on");
    adopt::adopt_member(ctx, id, server);
    ctx.decider.sessions.session_of(server) == Some(id)
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
pub fn without_delegation(subjects: Vec<Subject>) -> Vec<Subject> {
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
