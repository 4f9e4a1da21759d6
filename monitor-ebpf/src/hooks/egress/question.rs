//! What a flow sends, as it is shown to the daemon.

use aya_ebpf::{EbpfContext as _, helpers::generated::bpf_skb_load_bytes, programs::SkBuffContext};
use monitor_common::{
    event::{
        Header,
        network::{FlowAsk, PAYLOAD_MAX},
    },
    policy::Flow,
};

use crate::kernel::{
    self, net,
    packet::{self, Payload},
};

/// Where a packet goes.
pub struct Remote {
    pub address: [u8; 16],
    pub port: u16,
    /// It is what its flow was noted, and decided, to be.
    pub is_noted: bool,
}

/// Writes a record of what a flow sends.
///
/// # Safety
/// `record` must be valid for writes; every field of it is written.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a record of eight parts, inlined into its two callers")]
pub unsafe fn show(
    ctx: &SkBuffContext,
    record: *mut FlowAsk,
    header: Header,
    cookie: u64,
    flow: &Flow,
    remote: &Remote,
    generation: u64,
    payload: Payload,
) {
    // SAFETY: the caller's promise.
    unsafe {
        (*record).header = header;
        (*record).cookie = cookie;
        (*record).address = remote.address;
        (*record).port = remote.port;
        (*record).protocol = flow.protocol;
        (*record).older = flow.older as u32;
        (*record).generation = generation;
        (*record).payload_size = payload.size;
        (*record).changeable = (net::is_stream(flow) && packet::is_changeable(ctx, payload)) as u32;
        (*record).reserved = 0;
        (*record).payload_len = copy::<PAYLOAD_MAX>(ctx, payload, &raw mut (*record).payload);
    }
}

/// Copies at most `ROOM` bytes of the data; gives how many.
#[inline(always)]
pub fn copy<const ROOM: usize>(ctx: &SkBuffContext, payload: Payload, target: *mut [u8; ROOM]) -> u32 {
    if payload.size == 0 {
        return 0;
    }
    let length = kernel::bounded::<ROOM>(payload.size as u64);
    // SAFETY: `target` has ROOM bytes and `length` is at most that; the verifier checks both.
    let read = unsafe { bpf_skb_load_bytes(ctx.as_ptr().cast(), payload.offset, target.cast(), length) };
    if read == 0 { length } else { 0 }
}
