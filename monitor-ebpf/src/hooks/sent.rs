//! What leaves of a flow that was held and let go on, and how it ends. Runs for such flows alone: the daemon has made an entry of each
//! before it let it go.

use aya_ebpf::{helpers::generated::bpf_ktime_get_boot_ns, programs::SkBuffContext};
use monitor_common::policy::{
    CLOSED_SENDING, Flow, SIGN_END, SIGN_GONE, SIGN_PEER_END, SIGN_PEER_FIRST, SIGN_PEER_RESET, SIGN_RESET,
    SIGN_UNREAD, Sent,
};

use crate::{
    hooks::flow_table,
    kernel::{
        atomic, net,
        packet::{self, FIN, RST, Segment},
        tcp,
    },
    maps::{FLOW_NAMES, FLOWS, SENT, VERDICTS},
};

/// States of a TCP socket (include/net/tcp_states.h, v6.1–v7.2) in which what is queued may still leave.
const ESTABLISHED: u32 = 1;
const SYN_RECV: u32 = 3;
const FIN_WAIT1: u32 = 4;
const CLOSE_WAIT: u32 = 8;
const LAST_ACK: u32 = 9;
const CLOSING: u32 = 11;

/// A packet passes. Gives whether it is the last of its stream.
#[inline(always)]
pub fn count(ctx: &SkBuffContext, cookie: u64, flow: &mut Flow) -> bool {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return false };
    flow.counted = 1;
    if !net::is_stream(flow) {
        // Of what is neither, the whole packet is data.
        let size = if net::is_datagrams(flow) {
            packet::payload(ctx).map(|payload| payload.size)
        } else {
            Some(ctx.len())
        };
        match size {
            Some(size) => add(sent, size),
            None => sign(sent, SIGN_UNREAD),
        }
        return false;
    }
    let Some(segment) = packet::segment(ctx) else {
        sign(sent, SIGN_UNREAD);
        return false;
    };
    add_new(ctx, sent, &segment);
    if segment.flags & RST != 0 {
        sign(sent, SIGN_RESET);
    } else if segment.flags & FIN != 0 {
        sign(sent, if has(sent, SIGN_PEER_END) { SIGN_END | SIGN_PEER_FIRST } else { SIGN_END });
    }
    segment.flags & (FIN | RST) != 0
}

/// What is queued in a closed socket leaves; with the last of it the flow is forgotten.
#[inline(always)]
pub fn drain(ctx: &SkBuffContext, cookie: u64, flow: &mut Flow) {
    let session = flow.session;
    if count(ctx, cookie, flow) {
        end(cookie, 0);
        forget(cookie, session);
    }
}

/// A packet of a flow that has sent arrives: only its stream's end is of interest.
#[inline(always)]
pub fn arrived(ctx: &SkBuffContext, cookie: u64, flow: &Flow) {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return };
    let Some(segment) = packet::segment(ctx) else { return };
    if segment.flags & RST != 0 {
        if !is_taken(ctx, sent, &segment) {
            return;
        }
        sign(sent, SIGN_PEER_RESET);
        if flow.closed == CLOSED_SENDING {
            end(cookie, 0);
            forget(cookie, flow.session);
        }
    } else if segment.flags & FIN != 0 {
        sign(sent, SIGN_PEER_END);
    }
}

/// Whether TCP ends its connection by this reset: one that anybody could have sent it answers, and goes on. Taken is what is expected next,
/// and what was, behind the other side's end (net/ipv4/tcp_input.c:tcp_validate_incoming, tcp_reset_check, v6.1–v7.2); a reset behind
/// what was acknowledged selectively is taken too, and not known here: such a connection is then `lost`, or its end unknown.
#[inline(always)]
fn is_taken(ctx: &SkBuffContext, sent: *mut Sent, reset: &Segment) -> bool {
    let Some(place) = tcp::place(ctx) else { return true };
    reset.sequence == place.expected
        || has(sent, SIGN_PEER_END) && reset.sequence == place.expected.wrapping_sub(1)
}

/// Every descriptor is closed, in this state of the socket. Gives whether something may still leave.
#[inline(always)]
pub fn drains(cookie: u64, flow: &Flow, state: u32) -> bool {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return false };
    if state == CLOSE_WAIT || state == LAST_ACK {
        sign(sent, SIGN_PEER_END); // also if it came before anything was counted
    }
    let may_send = matches!(state, ESTABLISHED | SYN_RECV | FIN_WAIT1 | CLOSE_WAIT | LAST_ACK | CLOSING);
    // The other side's reset, if there was one, TCP did not take.
    if net::is_stream(flow) && may_send && !has(sent, SIGN_END | SIGN_RESET) {
        return true;
    }
    let is_over = net::is_stream(flow) && !may_send;
    end(cookie, if is_over { SIGN_GONE } else { 0 });
    false
}

/// No more of it leaves.
#[inline(always)]
pub fn end(cookie: u64, signs: u64) {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return };
    sign(sent, signs);
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned write.
    unsafe { (*sent).ended_ns = bpf_ktime_get_boot_ns() };
}

#[inline(always)]
fn forget(cookie: u64, session: u64) {
    if FLOWS.remove(cookie).is_ok() {
        flow_table::give_place_back(session);
    }
    let _ = VERDICTS.remove(cookie);
    let _ = FLOW_NAMES.remove(cookie);
}

/// Counts what of a segment has not left before: neither since it was let go on, nor before that. One stream's segments are sent under its socket's lock, one after the other.
#[inline(always)]
fn add_new(ctx: &SkBuffContext, sent: *mut Sent, segment: &Segment) {
    if segment.size == 0 {
        return;
    }
    let behind = segment.sequence.wrapping_add(segment.size);
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned fields.
    let new = unsafe {
        let from = if (*sent).first_ns == 0 {
            tcp::place(ctx).map_or(segment.sequence, |place| place.next)
        } else {
            (*sent).next
        };
        let new = behind.wrapping_sub(from);
        if new as i32 <= 0 {
            return; // all of it has left before
        }
        (*sent).next = behind;
        new
    };
    add(sent, new);
}

#[inline(always)]
fn add(sent: *mut Sent, size: u32) {
    if size == 0 {
        return;
    }
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned fields. Two datagrams at once: either time is right.
    unsafe {
        atomic::add(&raw mut (*sent).bytes, size as u64);
        if (*sent).first_ns == 0 {
            (*sent).first_ns = bpf_ktime_get_boot_ns();
        }
    }
}

/// Whether one of these was seen.
#[inline(always)]
fn has(sent: *mut Sent, signs: u64) -> bool {
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned read.
    unsafe { (*sent).signs & signs != 0 }
}

#[inline(always)]
fn sign(sent: *mut Sent, signs: u64) {
    if signs != 0 {
        // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned.
        unsafe { atomic::set_bits(&raw mut (*sent).signs, signs) };
    }
}
