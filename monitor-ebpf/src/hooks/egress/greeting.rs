//! What a stream says of itself as it begins is shown to the daemon also where nothing has to wait: by the time that it
//! must, its name has long gone by.

use aya_ebpf::programs::SkBuffContext;
use monitor_common::{
    event::{kind, network::FlowAsk},
    loss::Loss,
    policy::{Flow, GREETED, GREETING_SEGMENTS},
};

use super::question::{Remote, show};
use crate::{
    kernel::{
        net,
        packet::{self, Payload},
    },
    maps::ACCESS,
    report::{lost, ring},
};

/// First byte of a TLS record of the handshake (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_RECORD_HEADER: u32 = 5;

/// Shows a segment that passes, if it may be part of the stream's greeting.
#[inline(always)]
pub fn pass(ctx: &SkBuffContext, cookie: u64, flow: &mut Flow, generation: u64) {
    // What a flow that asked said was shown with its question.
    if flow.greeting >= GREETING_SEGMENTS || flow.asked != 0 || !net::is_stream(flow) {
        return;
    }
    let Some(payload) = packet::payload(ctx).filter(|payload| payload.size != 0) else { return };
    let Some(mut entry) = ring::reserve::<FlowAsk>(&ACCESS, Loss::Greeting, lost::NOBODY) else { return };
    let remote = Remote { address: flow.address, port: flow.port, is_noted: true };
    let header = entry.header(kind::GREETING, flow.tgid, flow.session);
    // SAFETY: the reserved memory.
    unsafe { show(ctx, entry.as_mut_ptr(), header, cookie, flow, &remote, generation, payload) };
    entry.submit();
    // Two segments at once: one of them more is shown.
    flow.greeting = if is_whole_hello(ctx, payload) { GREETED } else { flow.greeting + 1 };
}

/// Whether the segment begins with a TLS handshake record and holds all of it.
#[inline(always)]
fn is_whole_hello(ctx: &SkBuffContext, payload: Payload) -> bool {
    let at = payload.offset as usize;
    if payload.size <= TLS_RECORD_HEADER || ctx.load::<u8>(at) != Ok(TLS_HANDSHAKE) {
        return false;
    }
    let Ok(length) = ctx.load::<u16>(at + 3) else { return false };
    payload.size >= TLS_RECORD_HEADER + u16::from_be(length) as u32
}
