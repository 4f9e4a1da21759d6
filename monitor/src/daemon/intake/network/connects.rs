//! Connects.

use monitor_common::{
    event::{
        network::{Connect, outcome},
        state,
    },
    policy::AnswerKey,
};

use crate::daemon::{
    apply::{self, callers, flow_state},
    context::Context,
    intake::{
        judge,
        network::{naming, received, sent},
    },
};
use interlock_core::{
    decide::{Input, Pending},
    facts::{BootNanos, Destination, SessionId, Subject, Transport},
    holds::{HeldCaller, target},
};

const DNS_PORT: u16 = 53;

/// A gated session's flow is judged when its first data asks, with its name; everything else here.
pub fn on_connect(ctx: &mut Context, connect: &Connect) {
    let (id, pid, at) =
        (SessionId(connect.header.session), connect.header.tgid, BootNanos(connect.header.at_ns));
    let caller = || HeldCaller::of(pid, &AnswerKey::of_connect(id.0, connect.address, connect.port));
    if connect.port == DNS_PORT {
        if connect.outcome == outcome::ASKED {
            callers::resume(&mut ctx.kernel.maps, &mut ctx.decider, id, caller()); // name servers are never held
        }
        return;
    }
    let destination = naming::destination(
        &ctx.flows.names,
        &ctx.policies.catalog,
        id,
        connect.address,
        connect.port,
        connect.protocol,
        at,
    );
    match connect.outcome {
        outcome::ASKED => return on_handshake(ctx, id, caller(), at, destination),
        outcome::COMMITTED => {
            return ctx.reporter.commit(id, pid, &format!("connect {}", target(&destination)));
        }
        outcome::SHARED => {
            return received::report_shared(&mut ctx.reporter, &ctx.decider.sessions, id, pid, &destination);
        }
        outcome::RECEIVED | outcome::TAKEN => {
            return received::on_received(ctx, id, caller(), connect, &destination);
        }
        outcome::TURNED_AWAY => {
            let Some(pending) =
                judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller(), state::REFUSED)
            else {
                return;
            };
            return judge::judge(ctx, id, pid, at, Subject::Connect(destination), pending);
        }
        _ => {}
    }
    on_begun(ctx, connect, destination);
}

/// A connection begins, or was refused by the kernel's table.
fn on_begun(ctx: &mut Context, connect: &Connect, destination: Destination) {
    let (id, pid, at) =
        (SessionId(connect.header.session), connect.header.tgid, BootNanos(connect.header.at_ns));
    if destination.transport == Transport::Tcp {
        // What was queued before is gone with the connection before, also where this one goes to the same place.
        ctx.flows.partial_requests.remove(connect.cookie);
        ctx.flows.greetings.forget(connect.cookie);
        sent::look_at(ctx, connect.cookie);
        let let_on = flow_state::let_on(&ctx.kernel.maps, connect.cookie);
        apply::step(ctx, Input::Reconnected { cookie: connect.cookie, let_on });
    }
    let refused = connect.outcome != outcome::PASSED;
    let gated = flow_state::is_gated(&ctx.kernel.maps, id);
    let pending = if refused {
        Pending::Refused { observed: connect.outcome == outcome::WOULD_REFUSE }
    } else {
        Pending::None
    };
    if gated && !refused {
        // A datagram socket's connect sends nothing; name lookups do it by the dozen.
        if destination.transport == Transport::Tcp {
            let process = ctx.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
            let event = ctx
                .reporter
                .event(&ctx.decider.sessions, "connect", at, id)
                .process(&process)
                .destination(&destination);
            ctx.reporter.publish(&ctx.decider.sessions, event);
        }
        return;
    }
    judge::judge(ctx, id, pid, at, Subject::Connect(destination), pending);
}

/// A process is stopped before its handshake, because a rule may want that.
fn on_handshake(ctx: &mut Context, id: SessionId, caller: HeldCaller, at: BootNanos, to: Destination) {
    let Some(pending) = judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller, state::ASKED)
    else {
        return;
    };
    apply::notice_losses_of(ctx, id);
    judge::judge(ctx, id, caller.pid, at, Subject::Handshake(to), pending);
}
