//! Decisions about flows, carried into the kernel.

use std::{collections::HashMap, time::Duration};

use monitor_common::policy::{CLOSED_SENDING, FLOW_ALLOWED, FLOW_DENIED, Flow, FlowVerdict};

use crate::daemon::{
    apply::flow_state::{self, TCP},
    context::flows::searches::Searches,
};
use interlock_core::{
    facts::{BootNanos, SessionId},
    holds::HeldFlow,
    sessions::Registry,
};
use interlock_host::{clock::boot_now, probes::Maps};

/// TCP tries again at least every 2 minutes (`TCP_RTO_MAX`), and gives up data that nobody acknowledges after about 15 (`tcp_retries2`); as
/// long as the other side answers its probes it goes on. A closed socket's queue must stay held until nothing was tried for so long.
const TCP_GIVES_UP: Duration = Duration::from_secs(20 * 60);

/// Lets a flow through, under the generation it asked with, and pushes its data out; `counted`: the kernel counts what leaves.
pub fn release(
    maps: &mut Maps,
    searches: &mut Searches,
    sessions: &Registry,
    session: SessionId,
    pid: u32,
    asked: &HeldFlow,
    counted: bool,
) {
    let HeldFlow { cookie, .. } = *asked;
    if flow_state::to_let_on(maps, asked).is_none() {
        return;
    }
    let allowed = FlowVerdict { counted: counted.into(), ..asked.decided(FLOW_ALLOWED) };
    if let Err(error) = maps.decide_flow(cookie, allowed) {
        tracing::error!(cookie, %error, "the flow cannot be released; it stays held");
        return;
    }
    searches.push(sessions, session, pid, cookie);
}

/// Denies a flow for good, and lets the program see an error. Where the socket goes elsewhere by now, what waited is gone,
/// and the new connection is not the denied one.
pub fn refuse(
    maps: &mut Maps,
    searches: &mut Searches,
    sessions: &Registry,
    session: SessionId,
    pid: u32,
    asked: &HeldFlow,
) {
    let HeldFlow { cookie, .. } = *asked;
    if !flow_state::goes_on(maps, asked) {
        return;
    }
    deny_flow(maps, cookie, asked.decided(FLOW_DENIED));
    searches.reset(sessions, session, pid, cookie, (asked.address, asked.port));
}

pub fn deny_flow(maps: &mut Maps, cookie: u64, denied: FlowVerdict) {
    if let Err(error) = maps.decide_flow(cookie, denied) {
        // Fails closed: undecided data is dropped like denied data.
        tracing::error!(cookie, %error, "the denial cannot be written; the flow stays held");
    }
}

/// Denies a flow that nobody can be asked about any more, until TCP has given up on it.
pub fn keep_held(maps: &mut Maps, lingering: &mut HashMap<u64, BootNanos>, cookie: u64, at: BootNanos) {
    let Some(flow) = maps.flow(cookie) else { return };
    deny_flow(maps, cookie, present(cookie, &flow).decided(FLOW_DENIED));
    lingering.entry(cookie).or_insert(at.plus(TCP_GIVES_UP));
}

/// At a session's end: what was not let through stays held, the rest is forgotten. A connection of a session whose
/// connections ask may have data queued that was never tried (`TCP_CORK`), and outlive its processes: in flight to
/// somebody else (`SCM_RIGHTS`), among an io_uring's files.
pub fn settle_flows_of(
    maps: &mut Maps,
    lingering: &mut HashMap<u64, BootNanos>,
    id: SessionId,
    at: BootNanos,
) {
    let flows: Vec<(u64, Flow)> = maps.flows().into_iter().filter(|(_, flow)| flow.session == id.0).collect();
    let asks = flow_state::is_gated(maps, id);
    for (cookie, flow) in flows {
        if flow_state::is_counted(maps, id, cookie, &flow) {
            lingering.entry(cookie).or_insert(at.plus(TCP_GIVES_UP)); // to be seen how it ends: the exit comes before the close
            continue;
        }
        let may_queue = asks && flow.protocol == TCP && !flow_state::is_let_through(maps, id, cookie, &flow);
        if flow.closed != 0
            || may_queue
            || flow_state::waits(maps, cookie, &flow)
            || flow_state::is_denied(maps, cookie, &flow)
        {
            keep_held(maps, lingering, cookie, at);
        } else {
            maps.remove_flow(cookie);
        }
    }
}

/// Everybody has closed the socket. What is queued must not leave, unless it was let go on.
pub fn closed(maps: &mut Maps, lingering: &mut HashMap<u64, BootNanos>, cookie: u64, at: BootNanos) {
    let Some(flow) = maps.flow(cookie) else { return };
    if flow.closed != CLOSED_SENDING {
        deny_flow(maps, cookie, present(cookie, &flow).decided(FLOW_DENIED));
    }
    lingering.entry(cookie).or_insert(at.plus(TCP_GIVES_UP));
}

/// When such a flow may be forgotten, at `now`; `None`: the time has come.
pub fn held_until(flow: Option<&Flow>, until: BootNanos, now: BootNanos) -> Option<BootNanos> {
    if until > now {
        return Some(until);
    }
    let tried = BootNanos(0).plus(Duration::from_secs(flow?.asked_size.into()));
    let longer = tried.plus(TCP_GIVES_UP);
    // A later time than now is none: of a flow that has tried nothing since it was denied it is a number of bytes.
    (tried <= now && longer > now).then_some(longer)
}

/// Connections of a session that were let through ask about what they send next.
pub fn ask_again(maps: &mut Maps, id: SessionId) {
    if let Err(error) = maps.renew(id) {
        // Fails open for connections that were let through, visibly: the session is over, or the map is gone.
        tracing::error!(session = %id, %error, "the session's connections are not asked about again");
    }
}

/// What a flow asked last, as the kernel remembers it.
pub fn present(cookie: u64, flow: &Flow) -> HeldFlow {
    let Flow { address, port, asked, tgid, .. } = *flow;
    HeldFlow { cookie, generation: asked, asked: boot_now(), address, port, gone: false, opener: tgid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_forgotten_as_long_as_tcp_tries() {
        let at = |seconds| BootNanos(0).plus(Duration::from_secs(seconds));
        let flow = |tried| Flow { asked_size: tried, ..Flow::new(7, 1, [0; 16], 443, TCP) };
        let until = |tried, now| held_until(Some(&flow(tried)), at(5000), at(now));
        assert_eq!(until(0, 4999), Some(at(5000)));
        assert_eq!(until(0, 5000), None, "nothing was tried");
        assert_eq!(until(4990, 5000), Some(at(4990 + 1200)), "somebody keeps the connection alive");
        assert_eq!(until(3800, 5000), None, "TCP has given up");
        assert_eq!(until(65_483, 5000), None, "bytes that were shown before it was denied");
        assert_eq!(held_until(None, at(5000), at(5000)), None, "the kernel has forgotten it");
    }
}
