//! Flows that ask before their data leaves, and flows that are closed.

use std::net::IpAddr;

use monitor_common::{
    event::network::{FlowAsk, FlowClosed},
    policy::FLOW_DENIED,
};

use crate::daemon::{
    apply::{self, flow_state, flows},
    context::Context,
    intake::{
        judge,
        network::{naming, sent},
    },
};
use interlock_core::{
    decide::{Input, Pending},
    facts::{BootNanos, SessionId, Subject},
    holds::HeldFlow,
    names::{self, Identified, Shown},
};
use interlock_host::clock::boot_now;

pub fn on_flow_ask(ctx: &mut Context, ask: &FlowAsk) {
    if is_settled(ctx, &HeldFlow::of(ask)) {
        return;
    }
    let identified = naming::identified(&ctx.kernel.maps, &ctx.flows, ask);
    if identified.unfinished && !ctx.decider.observes() && ctx.flows.partial_requests.wait(ask) {
        return;
    }
    if naming::kept_name(&ctx.kernel.maps, ask).is_none() {
        let shown = ctx.flows.greetings.with_before(ask);
        let shown = Shown { bytes: &shown, changeable: ask.changeable != 0 };
        let said = names::said(IpAddr::from(ask.address).to_canonical(), ask.port, shown);
        naming::keep_name(&mut ctx.kernel.maps, ask, &said);
        ctx.flows.greetings.forget(ask.cookie);
    }
    judge_flow(ctx, ask, &identified);
}

/// Flows that have begun a request and did not go on.
pub fn judge_unfinished(ctx: &mut Context) {
    for ask in ctx.flows.partial_requests.overdue(boot_now()) {
        if !is_settled(ctx, &HeldFlow::of(&ask)) {
            let identified = naming::identified(&ctx.kernel.maps, &ctx.flows, &ask);
            judge_flow(ctx, &ask, &identified);
        }
    }
}

fn judge_flow(ctx: &mut Context, ask: &FlowAsk, identified: &Identified) {
    ctx.flows.partial_requests.remove(ask.cookie);
    let (id, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
    apply::notice_losses_of(ctx, id);
    sent::look_at(ctx, ask.cookie); // what it sent by an earlier yes: nothing more leaves until this is answered
    let destination = naming::asked_destination(&ctx.policies.catalog, ask, identified);
    let known = ctx.kernel.maps.flow(ask.cookie);
    let flow = HeldFlow { opener: known.map_or(0, |flow| flow.tgid), ..HeldFlow::of(ask) };
    let unseen = known.is_some_and(|flow| flow_state::began_unseen(&ctx.kernel.maps, ask.cookie, &flow));
    let pending = Pending::Flow { flow, unseen };
    judge::judge(ctx, id, ask.header.tgid, at, Subject::Connect(destination), pending);
}

/// Whether this question has been answered, or is being asked, already: two CPUs may ask about one flow at once.
fn is_settled(ctx: &mut Context, asked: &HeldFlow) -> bool {
    let Some(flow) = ctx.kernel.maps.flow(asked.cookie) else { return true };
    let decided = ctx.kernel.maps.verdict(asked.cookie).filter(|decided| decided.is_about(&flow));
    if let Some(decided) = decided.filter(|_| asked.goes_on(&flow)) {
        if decided.verdict == FLOW_DENIED {
            return true;
        }
        if decided.generation >= asked.generation {
            ctx.flows.searches.push(&ctx.decider.sessions, SessionId(flow.session), flow.tgid, asked.cookie);
            return true;
        }
    }
    if !ctx.decider.is_asked(asked) {
        return false;
    }
    apply::step(ctx, Input::AsksAgain(*asked));
    true
}

pub fn on_flow_closed(ctx: &mut Context, closed: &FlowClosed) {
    ctx.flows.names.close(closed.cookie);
    ctx.flows.greetings.forget(closed.cookie);
    flow_is_closed(ctx, closed.cookie, BootNanos(closed.header.at_ns));
}

/// The socket is closed by everybody; what is still queued must not leave.
fn flow_is_closed(ctx: &mut Context, cookie: u64, at: BootNanos) {
    flows::closed(&mut ctx.kernel.maps, &mut ctx.flows.lingering, cookie, at);
    sent::look_at(ctx, cookie);
    apply::step(ctx, Input::FlowClosed { cookie });
}
