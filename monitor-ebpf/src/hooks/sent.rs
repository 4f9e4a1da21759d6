//! What leaves of a flow that was held and let go on, and how it ends. Runs for such flows alone: the daemon has made an entry of each
//! before it let it go.

use aya_ebpf::{helpers::generated::bpf_ktime_get_boot_ns, programs::SkBuffContext};
use monitor_common::policy::{
    CLOSED_SENDING, Flow, SIGN_CLOSED, SIGN_END, SIGN_GONE, SIGN_HELD, SIGN_PEER_END, SIGN_PEER_FIRST,
    SIGN_PEER_RESET, SIGN_RESET, SIGN_UNREAD, Sent,
};

use crate::{
    hooks::flow_table,
    kernel::{
        atomic, net,
        packet::{self, FIN, RST, Segment},
    },
    maps::{FLOW_NAMES, FLOWS, SENT, VERDICTS},
};

/// States of a TCP socket (include/net/tcp_states.h, v6.1–v7.2) in which what is queued may still leave.
const ESTABLISHED: u32 = 1;
const FIN_WAIT1: u32 = 4;
const CLOSE_WAIT: u32 = 8;
const LAST_ACK: u32 = 9;
const CLOSING: u32 = 11;

/// What was queued when the socket was closed is held, as its session has touched more since.
pub const HELD: u64 = SIGN_CLOSED | SIGN_HELD;

/// A packet passes. Gives whether it is the last of its stream.
#[inline(always)]
pub fn count(ctx: &SkBuffContext, cookie: u64, flow: &mut Flow) -> bool {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return false };
    flow.counted = 1;
    if !net::is_stream(flow) {
        match packet::payload(ctx) {
            Some(payload) => add(sent, payload.size),
            None => sign(sent, SIGN_UNREAD),
        }
        return false;
    }
    let Some(segment) = packet::segment(ctx) else {
        sign(sent, SIGN_UNREAD);
        return false;
    };
    add_new(sent, &segment);
    if segment.flags & RST != 0 {
        sign(sent, SIGN_RESET);
    } else if segment.flags & FIN != 0 {
        // SAFETY: a map value stays allocated while a program runs (RCU); an aligned read.
        let peer_ended = unsafe { (*sent).signs } & SIGN_PEER_END != 0;
        sign(sent, if peer_ended { SIGN_END | SIGN_PEER_FIRST } else { SIGN_END });
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
        sign(sent, SIGN_PEER_RESET);
        if flow.closed == CLOSED_SENDING {
            end(cookie, 0);
            forget(cookie, flow.session);
        }
    } else if segment.flags & FIN != 0 {
        sign(sent, SIGN_PEER_END);
    }
}

/// Every descriptor is closed, in this state of the socket. Gives whether something may still leave.
#[inline(always)]
pub fn drains(cookie: u64, flow: &Flow, state: u32) -> bool {
    let Some(sent) = SENT.get_ptr_mut(cookie) else { return false };
    if state == CLOSE_WAIT || state == LAST_ACK {
        sign(sent, SIGN_PEER_END); // also if it came before anything was counted
    }
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned read.
    let signs = unsafe { (*sent).signs };
    let may_send = matches!(state, ESTABLISHED | FIN_WAIT1 | CLOSE_WAIT | LAST_ACK | CLOSING);
    if net::is_stream(flow) && may_send && signs & (SIGN_END | SIGN_RESET | SIGN_PEER_RESET) == 0 {
        sign(sent, SIGN_CLOSED);
        return true;
    }
    let is_over = net::is_stream(flow) && !may_send;
    end(cookie, if is_over { SIGN_CLOSED | SIGN_GONE } else { SIGN_CLOSED });
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

/// Counts what of a segment has not left before. One stream's segments are sent under its socket's lock, one after the other.
#[inline(always)]
fn add_new(sent: *mut Sent, segment: &Segment) {
    if segment.size == 0 {
        return;
    }
    let behind = segment.sequence.wrapping_add(segment.size);
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned fields.
    let new = unsafe {
        let from = if (*sent).first_ns == 0 { segment.sequence } else { (*sent).next };
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

#[inline(always)]
fn sign(sent: *mut Sent, signs: u64) {
    if signs != 0 {
        // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned.
        unsafe { atomic::set_bits(&raw mut (*sent).signs, signs) };
    }
}
