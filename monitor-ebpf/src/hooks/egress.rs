//! The flow hold: a connection's handshake passes, its data waits until the daemon has decided.
//!
//! Also the session's DNS answers, read as they arrive.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_boot_ns},
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use monitor_common::{
    event::{
        kind,
        network::{DNS_MAX, Dns, FlowAsk, PAYLOAD_MAX},
    },
    loss::Loss,
    policy::{CLOSED_HELD, CLOSED_SENDING, FLOW_DENIED, Flow, VERDICT_ALLOW},
};

use self::question::{Remote, copy, show};
use crate::{
    decide::verdict,
    hooks::sent,
    kernel::{
        self,
        net::{self, DNS_PORT},
        packet::{self, Payload},
    },
    maps::{ACCESS, FLOWS},
    report::ring,
};

mod greeting;
mod question;

const PASS: i32 = 1;
const DROP: i32 = 0;
/// Dropped, and its sender is not told: `NET_XMIT_DROP` is no error of a datagram's `send` unless it asked for errors
/// (net/ipv4/udp.c:udp_send_skb, kernel/bpf/cgroup.c:__cgroup_bpf_run_filter_skb, v6.1–v7.2).
const LOSE: i32 = 2;
/// How long rules may take to decide about a datagram's destination before its sender sees an error.
const DATAGRAM_TIMEOUT_MS: u32 = 100;
/// In nanoseconds.
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let Some(flow) = FLOWS.get_ptr_mut(cookie) else { return PASS };
    // SAFETY: a map value stays allocated while a program runs (RCU).
    let flow = unsafe { &mut *flow };
    if kernel::is_frozen(flow.session) {
        return stand(&ctx, flow); // whoever runs, and whatever was let through
    }
    if flow.closed == CLOSED_SENDING {
        flow.asked_size = now(SECOND);
        sent::drain(&ctx, cookie, flow);
        return PASS;
    }
    if flow.closed == CLOSED_HELD {
        return hold_back(&ctx, flow); // nobody can be asked about it any more
    }
    let remote = remote(&ctx, flow);
    if remote.port == DNS_PORT && (net::is_stream(flow) || net::is_datagrams(flow)) {
        return PASS; // names are learned here; what is tunnelled through DNS is not stopped by this backend
    }
    let verdict = verdict::of_flow(cookie, flow);
    let denied = verdict.is_some_and(|decided| decided.verdict == FLOW_DENIED);
    let counted = remote.is_noted && verdict.is_some_and(|decided| decided.counted != 0);
    let Some(gate) = verdict::gate(flow.session) else {
        // The session is over: denied data stays where it is, the rest is nobody's business any more.
        if denied {
            return hold_back(&ctx, flow);
        }
        if counted {
            sent::count(&ctx, cookie, flow);
        }
        return PASS;
    };
    if denied {
        return hold_back(&ctx, flow);
    }
    let allowed = remote.is_noted && verdict.is_some_and(|decided| decided.generation == gate.generation);
    if !gate.closed || allowed {
        greeting::pass(&ctx, cookie, flow, gate.generation);
        if counted {
            sent::count(&ctx, cookie, flow);
        }
        return PASS;
    }
    if is_control(&ctx, flow) || stays_here(flow, &remote) {
        return PASS;
    }
    let payload = packet::payload(&ctx).unwrap_or(Payload { offset: 0, size: 0 });
    let is_new = flow.asked != gate.generation || shows_more(flow, payload);
    if is_new && ask(&ctx, cookie, flow, &remote, gate.generation, payload).is_some() {
        flow.asked = gate.generation;
        flow.asked_size = if net::is_stream(flow) { payload.size } else { now(MILLISECOND) };
    }
    // A lost question is asked again with the next attempt; the data waits either way.
    if verdict::observes() {
        return PASS;
    }
    // Nothing queues a datagram: it is lost, as datagrams are, and the next one may pass. Where a person has to decide, its sender
    // is told soon: QUIC then falls back to TCP, which can wait.
    let is_young = is_new || now(MILLISECOND).wrapping_sub(flow.asked_size) < DATAGRAM_TIMEOUT_MS;
    if net::is_datagrams(flow) && is_young { LOSE } else { DROP }
}

/// The boot clock in units of so many nanoseconds.
#[inline(always)]
fn now(unit: u64) -> u32 {
    // SAFETY: a helper without arguments.
    (unsafe { bpf_ktime_get_boot_ns() } / unit) as u32
}

/// A datagram that no rule wants to see: it does not leave this machine, or goes to whoever listens.
#[inline(always)]
fn stays_here(flow: &Flow, remote: &Remote) -> bool {
    net::is_datagrams(flow)
        && verdict::policy().is_some_and(|policy| policy.local_datagrams == VERDICT_ALLOW)
        && (net::is_unspecified(&remote.address) || net::is_local(&remote.address))
}

/// Threads that share a datagram socket change its note under one another's packets, so the packet itself tells.
#[inline(always)]
fn remote(ctx: &SkBuffContext, flow: &Flow) -> Remote {
    let noted = Remote { address: flow.address, port: flow.port, is_noted: true };
    if !net::is_datagrams(flow) {
        return noted;
    }
    // Unreadable: undecided.
    let Some((address, port)) = packet::destination(ctx) else {
        return Remote { is_noted: false, port: 0, ..noted };
    };
    // A note without an address stands for what the kernel makes of it: this machine.
    if port == flow.port && (address == flow.address || net::is_unspecified(&flow.address)) {
        return noted;
    }
    Remote { address, port, is_noted: false }
}

/// Nothing of a frozen session leaves. A stream's data goes when the session does; a datagram is lost, as datagrams are.
#[inline(always)]
fn stand(ctx: &SkBuffContext, flow: &mut Flow) -> i32 {
    let decided = if flow.closed == 0 { withhold(ctx, flow) } else { hold_back(ctx, flow) };
    match decided {
        DROP if net::is_datagrams(flow) => LOSE,
        decided => decided,
    }
}

/// As [`withhold`], and notes when: as long as TCP tries, what is queued must not be forgotten.
#[inline(always)]
fn hold_back(ctx: &SkBuffContext, flow: &mut Flow) -> i32 {
    let decided = withhold(ctx, flow);
    if decided == DROP {
        flow.asked_size = now(SECOND);
    }
    decided
}

#[inline(always)]
fn withhold(ctx: &SkBuffContext, flow: &Flow) -> i32 {
    if verdict::observes() || is_control(ctx, flow) { PASS } else { DROP }
}

/// Handshake, acknowledgement, end of a stream: packets without data. One whose headers cannot be read counts as data.
#[inline(always)]
fn is_control(ctx: &SkBuffContext, flow: &Flow) -> bool {
    net::is_stream(flow) && packet::payload(ctx).is_some_and(|payload| payload.size == 0)
}

/// What a stream's owner writes while its data waits is added to the segment that waits (net/ipv4/tcp.c:tcp_sendmsg_locked,
/// v6.1–v7.2), so a request that was not whole when it was first shown may be whole now.
#[inline(always)]
fn shows_more(flow: &Flow, payload: Payload) -> bool {
    net::is_stream(flow) && flow.asked_size < payload.size && flow.asked_size < PAYLOAD_MAX as u32
}

#[inline(always)]
fn ask(
    ctx: &SkBuffContext,
    cookie: u64,
    flow: &Flow,
    remote: &Remote,
    generation: u64,
    payload: Payload,
) -> Option<()> {
    let mut entry = ring::reserve::<FlowAsk>(&ACCESS, Loss::FlowAsk, flow.session)?;
    let header = entry.header(kind::FLOW_ASK, flow.tgid, flow.session);
    // SAFETY: the reserved memory.
    unsafe { show(ctx, entry.as_mut_ptr(), header, cookie, flow, remote, generation, payload) };
    entry.submit();
    Some(())
}

#[cgroup_skb(ingress)]
pub fn ingress(ctx: SkBuffContext) -> i32 {
    let _ = answer(&ctx);
    PASS
}

#[inline(always)]
fn answer(ctx: &SkBuffContext) -> Option<()> {
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let flow = FLOWS.get_ptr(cookie)?;
    // SAFETY: a map value stays allocated while a program runs (RCU).
    let flow = unsafe { &*flow };
    let (port, session, tgid, protocol) = (flow.port, flow.session, flow.tgid, flow.protocol);
    if port != DNS_PORT {
        if flow.counted != 0 && net::is_stream(flow) {
            sent::arrived(ctx, cookie, flow);
        }
        return None;
    }
    let payload = packet::payload(ctx)?;
    if payload.size == 0 {
        return None;
    }
    let mut entry = ring::reserve::<Dns>(&ACCESS, Loss::Dns, session)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        (*record).header = entry.header(kind::DNS, tgid, session);
        (*record).cookie = cookie;
        (*record).server = packet::source(ctx).unwrap_or_default();
        (*record).protocol = protocol as u32;
        (*record).payload_size = payload.size;
        (*record).reserved = 0;
        (*record).payload_len = copy::<DNS_MAX>(ctx, payload, &raw mut (*record).payload);
    }
    entry.submit();
    Some(())
}
