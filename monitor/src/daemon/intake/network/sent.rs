//! What has left of connections that were let go on. The kernel counts in a table, which is looked at: no record can be lost, and the
//! next daemon finds what this one has not seen.

use std::{net::IpAddr, time::Duration};

use monitor_common::policy::{CLOSED_SENDING, Sent};

use crate::daemon::{
    apply::{self, flows, sent},
    context::Context,
    intake::network::naming,
};
use interlock_core::{
    decide::{Decider, Input},
    facts::{BootNanos, SessionId},
    holds::{FlowKey, let_go::LetGo},
};
use interlock_host::clock::boot_now;

/// How often, while the first bytes of one are expected any moment, and otherwise.
const OFTEN: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(1);
/// How long after a yes they are.
const EXPECTED: Duration = Duration::from_secs(2);

/// When it has to be looked; `None` where none is followed.
pub fn next_look(decider: &Decider, next: BootNanos) -> Option<BootNanos> {
    (!decider.holds().let_go().is_empty()).then_some(next)
}

pub fn look_if_due(ctx: &mut Context) {
    let now = boot_now();
    if next_look(&ctx.decider, ctx.flows.next_look).is_none_or(|next| next > now) {
        return;
    }
    look(ctx);
    let expected = |flow: &LetGo| flow.bytes == 0 && now.since(flow.since) < EXPECTED;
    let often = ctx.decider.holds().let_go().iter().any(expected);
    ctx.flows.next_look = now.plus(if often { OFTEN } else { SELDOM });
}

pub fn look(ctx: &mut Context) {
    let followed: Vec<FlowKey> = ctx.decider.holds().let_go().iter().map(|flow| flow.key).collect();
    followed.into_iter().for_each(|key| look_at_one(ctx, key));
}

/// How those of a socket stand; of any other nothing is looked up.
pub fn look_at(ctx: &mut Context, cookie: u64) {
    let followed = ctx.decider.holds().let_go().of_socket(cookie);
    followed.into_iter().for_each(|key| look_at_one(ctx, key));
}

fn look_at_one(ctx: &mut Context, key: FlowKey) {
    let Some(before) = ctx.decider.holds().let_go().get(&key).map(|flow| flow.bytes) else { return };
    let cookie = key.cookie;
    let flow = ctx.kernel.maps.flow(cookie); // first this one, see `sent::progress`
    let progress = sent::progress(&key, flow.as_ref(), ctx.kernel.maps.sent(cookie).as_ref());
    if progress.end.is_none() && flow.is_some_and(|flow| flow.closed == CLOSED_SENDING) {
        // Its record may have been lost: it is not followed for ever.
        flows::closed(&mut ctx.kernel.maps, &mut ctx.flows.lingering, cookie, boot_now());
    }
    if progress.end.is_some() && ctx.kernel.maps.flow(cookie).is_none() {
        ctx.flows.lingering.remove(&cookie);
    }
    if progress.end.is_some() || progress.bytes != before {
        apply::step(ctx, Input::Sent { key, progress });
    }
}

/// What an earlier daemon had let go on: as it wrote that down, or as the kernel counts it where it could not.
pub fn restore(ctx: &mut Context, mut known: Vec<LetGo>) {
    for (cookie, sent) in ctx.kernel.maps.counted() {
        let key = FlowKey { cookie, address: sent.address, port: sent.port };
        // An earlier version saved no place.
        if let Some(flow) = known.iter_mut().find(|flow| flow.key == FlowKey { cookie, ..FlowKey::default() })
        {
            flow.key = key;
        } else if !known.iter().any(|flow| flow.key == key) {
            known.push(found(ctx, key, &sent));
        }
    }
    apply::step(ctx, Input::RestoredLetGo(known));
    look(ctx);
}

fn found(ctx: &Context, key: FlowKey, sent: &Sent) -> LetGo {
    let (session, now) = (SessionId(sent.session), boot_now());
    let Sent { address, port, protocol, tgid, .. } = *sent;
    tracing::warn!(%session, address = %IpAddr::from(address).to_canonical(), port, "a connection was let go on just before the last daemon ended; by whom stands in the ledger");
    let destination =
        naming::destination(&ctx.flows.names, &ctx.policies.catalog, session, address, port, protocol, now);
    LetGo {
        key,
        session: session.0,
        pid: tgid,
        destination,
        hold: None,
        grant: None,
        since: now,
        committed: 0,
        bytes: 0,
    }
}
