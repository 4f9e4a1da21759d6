//! Connections that a process has not opened itself: those from before its label, and those that it was sent.

use monitor_common::{
    event::network::{Connect, outcome},
    policy::Flow,
};

use crate::daemon::{
    apply::{callers, flow_state::TCP},
    context::{
        Context,
        flows::connections::{Had, Shared},
        reporter::Reporter,
    },
    intake::network::naming,
};
use interlock_core::{
    facts::{BootNanos, Destination, SessionId},
    holds::HeldCaller,
    sessions::Registry,
};
use interlock_host::{clock::boot_now, enforcement::flow::Connection, probes::Maps, proc::procfs};

/// `IPPROTO_MPTCP`.
const MPTCP: u16 = 262;
/// Processes that may have sent a connection: so many are looked at.
const OTHERS_MAX: usize = 1024;
/// Who started a process, and who started that one, and so on: so many are looked at.
const CREATORS_MAX: usize = 16;

/// Notes the connections that a process had before it was labelled: they are held at their next request too. But not
/// those that it has from somebody outside of the session who has them still: who sends what can't be told apart there, and a
/// person's own program must not be stopped. Fails open, and says so.
pub fn note_open_sockets(ctx: &mut Context, id: SessionId, pid: u32) {
    if !ctx.flows.searches.may_have_connections(id, pid) {
        return; // as most
    }
    let creators = creators_outside(&ctx.kernel.maps, pid);
    if let Some(had) = ctx.flows.searches.connections_before(id, pid, creators) {
        note_connections(ctx, id, had);
    }
}

/// Those that took time to find may be a session's no more, or another's.
pub fn note_connections(ctx: &mut Context, id: SessionId, had: Had) {
    let Had { pid, mut own, shared } = had;
    // Asked again now: a child of the session has its label only a moment after it has its descriptors
    // (kernel/fork.c:copy_process, kernel_clone, v6.1–v7.2).
    let (theirs, not_theirs): (Vec<Shared>, Vec<Shared>) = shared
        .into_iter()
        .partition(|shared| shared.holders.iter().any(|holder| is_outside(&ctx.kernel.maps, *holder)));
    own.extend(not_theirs.into_iter().map(|shared| shared.connection));
    note_each(ctx, id, pid, own, theirs.into_iter().map(|shared| shared.connection).collect());
    if let Some(caller) = ctx.flows.receivers.remove(&pid) {
        callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller);
    }
}

fn note_each(ctx: &mut Context, id: SessionId, pid: u32, own: Vec<Connection>, shared: Vec<Connection>) {
    if ctx.decider.sessions.session_of(pid) != Some(id) {
        return;
    }
    for connection in shared {
        let Connection { cookie, address, port, protocol, .. } = connection;
        if ctx.kernel.maps.flow(cookie).is_some_and(|flow| flow.session == id.0 && flow.older != 0) {
            ctx.kernel.maps.remove_flow(cookie); // noted when it was sent, until it was known who has it
        }
        let to = naming::destination(
            &ctx.flows.names,
            &ctx.policies.catalog,
            id,
            address,
            port,
            protocol,
            boot_now(),
        );
        report_shared(&mut ctx.reporter, &ctx.decider.sessions, id, pid, &to);
    }
    for Connection { cookie, address, port, protocol, .. } in own {
        if protocol == MPTCP {
            end_multipath(ctx, id, pid, cookie, (address, port));
            continue;
        }
        if ctx.kernel.maps.flow(cookie).is_some_and(|flow| flow.session == id.0) {
            continue; // the kernel knows it, and better
        }
        let flow = Flow { older: 1, ..Flow::new(id.0, pid, address, port, protocol) };
        if let Err(error) = ctx.kernel.maps.note_flow(cookie, flow) {
            tracing::warn!(pid, %error, "a connection that was open before cannot be followed");
        }
    }
}

/// A connection came into a process's hands that it has not opened. What was taken out of another process is the session's from
/// here on. What was sent is not, where somebody outside has it still: who sends what can't be told apart there, and a
/// person's own program must not be stopped.
pub fn on_received(
    ctx: &mut Context,
    id: SessionId,
    caller: HeldCaller,
    received: &Connect,
    to: &Destination,
) {
    let pid = caller.pid;
    let process = ctx.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
    let event =
        ctx.reporter.event(&ctx.decider.sessions, "flow-received", BootNanos(received.header.at_ns), id);
    let why = "another process opened this connection";
    ctx.reporter.publish(&ctx.decider.sessions, event.process(&process).destination(to).with("message", why));
    let taken = received.outcome == outcome::TAKEN;
    if received.cookie == 0 {
        ctx.flows.receivers.insert(pid, caller);
    } else if taken {
        return; // the kernel has noted it
    }
    let others = if taken { Vec::new() } else { others_outside(&ctx.kernel.maps, pid) };
    if let Some(had) = ctx.flows.searches.connections_before(id, pid, others) {
        note_connections(ctx, id, had);
    }
}

/// Those without a label who could have sent the process something: processes of its user.
fn others_outside(maps: &Maps, pid: u32) -> Vec<u32> {
    let user = procfs::user(pid);
    let all = procfs::parents().into_iter().map(|(pid, _)| pid);
    let others = all.filter(|other| procfs::user(*other) == user && is_outside(maps, *other));
    others.take(OTHERS_MAX).collect()
}

/// Whether the process is of no session. One of a session loses its label when it begins to end, and its descriptors a moment later
/// (kernel/exit.c:do_exit, v6.1–v7.2): in between it looks like somebody outside who has what the session has.
fn is_outside(maps: &Maps, pid: u32) -> bool {
    maps.label(pid).is_none() && procfs::is_at_work(pid)
}

/// A multipath connection from before its label: its packets are sent by sockets below it that no descriptor leads to, so
/// they cannot be held. Its program may connect again, and gets TCP.
fn end_multipath(ctx: &mut Context, id: SessionId, pid: u32, cookie: u64, to: ([u8; 16], u16)) {
    ctx.flows.searches.reset(&ctx.decider.sessions, id, pid, cookie, to);
    let at = boot_now();
    let destination = naming::destination(&ctx.flows.names, &ctx.policies.catalog, id, to.0, to.1, TCP, at);
    let process = ctx.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
    let why = "the connection is older than its session and of several paths, so it could not be held";
    let event = ctx
        .reporter
        .event(&ctx.decider.sessions, "flow-reset", at, id)
        .process(&process)
        .destination(&destination);
    ctx.reporter.publish(&ctx.decider.sessions, event.with("message", why));
}

/// Those without a label who started the process: from whom it may have inherited connections.
fn creators_outside(maps: &Maps, pid: u32) -> Vec<u32> {
    let creators = std::iter::successors(procfs::parent(pid), |pid| procfs::parent(*pid));
    creators.take(CREATORS_MAX).filter(|pid| *pid > 1 && is_outside(maps, *pid)).collect()
}

pub fn report_shared(
    reporter: &mut Reporter,
    sessions: &Registry,
    id: SessionId,
    pid: u32,
    to: &Destination,
) {
    let at = boot_now();
    let process = sessions.actor(id, pid).cloned().unwrap_or_default();
    let why = "a process outside of the session has this connection too, so it counts as that process's and is not held";
    let event = reporter.event(sessions, "flow-shared", at, id).process(&process).destination(to);
    reporter.publish(sessions, event.with("message", why));
}
