//! What io_uring does that no hook looks at: messages that may bring descriptors, sockets that meet others, and opens where no hook looks
//! at opens themselves. What it was cannot be told, so the session counts as having touched everything.

use aya_ebpf::{EbpfContext as _, macros::raw_tracepoint, programs::RawTracePointContext};
use monitor_common::{event::tamper::act, loss::Loss};

use crate::{
    decide::verdict,
    kernel::{
        self, Memory as _, Object, Structure as _,
        abi::{AF_UNIX, S_IFSOCK},
        offset,
    },
    report::{
        lost,
        tamper::{self, Attempt},
    },
};

/// `enum io_uring_op`, include/uapi/linux/io_uring.h.
const IORING_OP_OPENAT: u8 = 18;
const IORING_OP_OPENAT2: u8 = 28;
/// A message of a Unix socket may bring descriptors.
const IORING_OP_RECVMSG: u8 = 10;
const IORING_OP_CONNECT: u8 = 16;
/// From v6.11 on.
const IORING_OP_LISTEN: u8 = 57;
/// `REQ_F_FIXED_FILE`, include/linux/io_uring_types.h: its file is no descriptor but one that the ring was given before.
const FIXED_FILE: u32 = 1;

/// `TP_PROTO(struct io_kiocb *req)`, include/trace/events/io_uring.h (v6.4–v7.2): a request is about to be issued, in the
/// context of whoever submits it.
#[raw_tracepoint(tracepoint = "io_uring_submit_req")]
pub fn submit_request(ctx: RawTracePointContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let request = Object(ctx.arg::<*const u8>(0));
    let opcode: u8 = request.read(offset!(io_kiocb_opcode)).unwrap_or(0);
    if opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2 {
        unseen(ctx.tgid(), label.session, opcode);
    } else {
        on_socket(ctx.tgid(), label.session, request, opcode);
    }
    0
}

/// The same where a hook looks at opens themselves.
#[raw_tracepoint(tracepoint = "io_uring_submit_req")]
pub fn submit_receive(ctx: RawTracePointContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let request = Object(ctx.arg::<*const u8>(0));
    let opcode: u8 = request.read(offset!(io_kiocb_opcode)).unwrap_or(0);
    on_socket(ctx.tgid(), label.session, request, opcode);
    0
}

#[inline(always)]
fn on_socket(tgid: u32, session: u64, request: Object, opcode: u8) {
    match opcode {
        IORING_OP_RECVMSG if family(request).is_none_or(|family| family == AF_UNIX) => {
            unseen(tgid, session, opcode);
        }
        // An accept by io_uring at the other end would show nobody. A port is asked for by `connect4` and `connect6`.
        IORING_OP_CONNECT if family(request).is_none_or(|family| family == AF_UNIX) => {
            unmet(session);
        }
        IORING_OP_LISTEN => unmet(session),
        _ => {}
    }
}

/// It may have met somebody.
#[inline(always)]
fn unmet(session: u64) {
    lost::count(Loss::Meeting, session);
    verdict::renew(session);
}

/// Of the request's socket; `None` where it cannot be told. The request has its file only when it is issued
/// (io_uring/io_uring.c:io_assign_file), so its descriptor is looked up.
#[inline(always)]
fn family(request: Object) -> Option<u16> {
    if request.read::<u32>(offset!(io_kiocb_flags))? & FIXED_FILE != 0 {
        return None;
    }
    let descriptor: u32 = request.at(offset!(io_kiocb_cqe)).read(offset!(io_cqe_fd))?;
    let file = kernel::descriptor(descriptor as u64)?;
    if kernel::file_type(file)? != S_IFSOCK {
        return Some(0); // the request fails
    }
    file.follow(offset!(file_private_data))?.follow(offset!(socket_sk))?.read(offset!(sock_family))
}

#[inline(always)]
fn unseen(tgid: u32, session: u64, opcode: u8) {
    lost::count(Loss::Unseen, session);
    verdict::renew(session);
    tamper::report(tgid, session, Attempt::on(act::UNSEEN_OPEN, 0, opcode as u32), false);
}
