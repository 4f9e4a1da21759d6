//! How a flow stands, as the kernel sees it.

use monitor_common::{
    label::{GATED, Taint},
    policy::{CLOSED_SENDING, FLOW_ALLOWED, FLOW_DENIED, Flow},
};

use interlock_core::{
    facts::SessionId,
    holds::{FlowKey, HeldFlow},
};
use interlock_host::probes::Maps;

/// `IPPROTO_TCP`.
pub const TCP: u16 = 6;

pub fn goes_on(maps: &Maps, asked: &HeldFlow) -> bool {
    maps.flow(asked.cookie).is_some_and(|flow| asked.goes_on(&flow))
}

/// The flow, if what waits of it can still be let go on. Fails closed where its program has closed it meanwhile: nobody waits any more.
pub fn to_let_on(maps: &Maps, asked: &HeldFlow) -> Option<Flow> {
    maps.flow(asked.cookie).filter(|flow| flow.closed == 0 && asked.goes_on(flow))
}

/// Whether nobody has seen the begin of a stream, and it has said nothing since: who it is for is a guess. A person cannot
/// judge a guess, a model must not be stopped by one, and a control plane must not pass by one.
pub fn began_unseen(maps: &Maps, cookie: u64, flow: &Flow) -> bool {
    flow.older != 0 && flow.protocol == TCP && maps.flow_name(cookie).is_none()
}

/// Whether the session's flows ask before their data leaves, as the kernel sees it.
pub fn is_gated(maps: &Maps, id: SessionId) -> bool {
    let Some(session) = maps.session(id) else { return false };
    let asks = |taint: Taint| taint.touches > session.settled || taint.lost != 0;
    session.flags & GATED != 0 || maps.taint(id).is_some_and(asks)
}

/// Whether the flow's data waits for a decision.
pub fn waits(maps: &Maps, cookie: u64, flow: &Flow) -> bool {
    let decided = maps.verdict(cookie).filter(|decided| decided.is_about(flow));
    flow.asked != 0
        && decided.is_none_or(|decided| decided.verdict == FLOW_ALLOWED && decided.generation < flow.asked)
}

/// Whether what the flow sends now has been decided, under all that its session has touched.
pub fn is_let_through(maps: &Maps, id: SessionId, cookie: u64, flow: &Flow) -> bool {
    let decided = maps.verdict(cookie).filter(|decided| decided.is_about(flow));
    let now = maps.generation(id);
    decided.is_some_and(|decided| {
        decided.verdict == FLOW_ALLOWED && now.is_some_and(|now| decided.generation >= now)
    })
}

/// Whether it was held and let go on, and what it sends now still counts as that.
pub fn is_counted(maps: &Maps, id: SessionId, cookie: u64, flow: &Flow) -> bool {
    let counted = maps.verdict(cookie).is_some_and(|decided| decided.counted != 0);
    counted && (flow.closed == CLOSED_SENDING || flow.closed == 0 && is_let_through(maps, id, cookie, flow))
}

/// What the socket's present connection was let go on as: each connect takes the verdict away, so one that is there was given after it.
pub fn let_on(maps: &Maps, cookie: u64) -> Option<FlowKey> {
    let flow = maps.flow(cookie)?;
    let decided = maps.verdict(cookie).filter(|decided| decided.is_about(&flow))?;
    (decided.counted != 0).then(|| FlowKey::of(cookie, &flow))
}

pub fn is_denied(maps: &Maps, cookie: u64, flow: &Flow) -> bool {
    let decided = maps.verdict(cookie).filter(|decided| decided.is_about(flow));
    decided.is_some_and(|decided| decided.verdict == FLOW_DENIED)
}
