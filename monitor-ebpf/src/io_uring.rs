//! What io_uring does that no hook looks at: messages that may bring descriptors, and opens where no hook looks at opens themselves. What
//! it was cannot be told, so the session counts as having touched everything.

use aya_ebpf::{EbpfContext as _, macros::raw_tracepoint, programs::RawTracePointContext};
use monitor_common::{event::guard::act, loss::Loss};

use crate::{
    count,
    guard::{self, Attempt},
    kernel::{self, Memory, Object, offset},
    verdict,
};

/// `enum io_uring_op`, include/uapi/linux/io_uring.h.
const IORING_OP_OPENAT: u8 = 18;
const IORING_OP_OPENAT2: u8 = 28;
/// A message that may bring descriptors.
const IORING_OP_RECVMSG: u8 = 10;

/// `TP_PROTO(struct io_kiocb *req)`, include/trace/events/io_uring.h (v6.4–v7.2): a request is about to be issued, in the
/// context of whoever submits it.
#[raw_tracepoint(tracepoint = "io_uring_submit_req")]
pub fn submit_request(ctx: RawTracePointContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let opcode: u8 = Object(ctx.arg::<*const u8>(0)).read(offset!(io_kiocb_opcode)).unwrap_or(0);
    if opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2 || opcode == IORING_OP_RECVMSG {
        unseen(ctx.tgid(), label.session, opcode);
    }
    0
}

/// The same where a hook looks at opens themselves: what a message brings no hook has seen.
#[raw_tracepoint(tracepoint = "io_uring_submit_req")]
pub fn submit_receive(ctx: RawTracePointContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    if Object(ctx.arg::<*const u8>(0)).read::<u8>(offset!(io_kiocb_opcode)) == Some(IORING_OP_RECVMSG) {
        unseen(ctx.tgid(), label.session, IORING_OP_RECVMSG);
    }
    0
}

#[inline(always)]
fn unseen(tgid: u32, session: u64, opcode: u8) {
    count::lost(Loss::Unseen, session);
    verdict::renew(session);
    guard::report(tgid, session, Attempt::on(act::UNSEEN_OPEN, 0, opcode as u32), false);
}
