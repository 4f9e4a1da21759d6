//! Descriptors that a process gets without opening anything: taken out of another process, sent by one, or copied from its own
//! before the open that made them has returned. What they lead to is looked at as if it were opened now, by its inode alone. By the exits
//! of the syscalls on every backend: LSM's `file_receive` would need what a whole open needs of the verifier, once more.
//!
//! Not seen here: descriptors that arrive by an io_uring (`io_uring.rs`) or in a 32-bit program.

mod descriptor;
mod message;

use aya_ebpf::{EbpfContext as _, macros::tracepoint, programs::TracePointContext};
use monitor_common::loss::Loss;

use self::{
    descriptor::arrived,
    message::{NOWHERE, as_entered, unseen},
};
use crate::{
    hooks::open::secret,
    kernel::{
        self, Memory as _, Object, offset,
        pt_regs::{self, Returned},
    },
    report::lost,
};

/// include/uapi/linux/fcntl.h.
const F_DUPFD: u64 = 0;
const F_DUPFD_CLOEXEC: u64 = 1030;
/// include/uapi/asm-generic/errno-base.h.
const EFAULT: i64 = -14;
/// x86-64 syscall numbers (arch/x86/entry/syscalls/syscall_64.tbl).
const FCNTL: u32 = 72;
const RECVMSG: u32 = 47;
const RECVMMSG: u32 = 299;

/// Exit of `pidfd_getfd`, `dup`, `dup2`, `dup3`, `fcntl(fd, cmd, …)`, `recvmsg(fd, message, flags)` and `recvmmsg(fd, messages, …)`: one
/// program, attached to each.
#[tracepoint]
pub fn exit_descriptor(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(Returned { syscall, result }) = pt_regs::returned(&ctx) else {
        lost::count(Loss::Read, label.session);
        return 0;
    };
    let (tgid, session) = (ctx.tgid(), label.session);
    let control = if syscall == RECVMSG { as_entered() } else { None };
    if result == EFAULT && (control.is_some() || syscall == RECVMMSG) {
        // The header could not be written back, after the descriptors had come (net/socket.c:____sys_recvmsg, v6.1–v7.2).
        unseen(session);
    }
    if result < 0 {
        return 0;
    }
    if syscall == RECVMSG || syscall == RECVMMSG {
        let messages = if syscall == RECVMSG { 1 } else { result as u32 };
        let Some(first) = pt_regs::argument(1) else {
            lost::count(Loss::Read, session);
            return 0;
        };
        let noted = if syscall == RECVMSG { Some(control.unwrap_or(NOWHERE)) } else { None };
        message::look(tgid, session, first, messages, noted);
    } else if syscall != FCNTL || matches!(pt_regs::argument(1), Some(F_DUPFD | F_DUPFD_CLOEXEC) | None) {
        arrived(tgid, session, result as u64);
    }
    0
}

/// A program is executed: where it is registered for a kind of file (binfmt_misc, flags O and C) and run for one, the kernel has opened
/// that file for it (`linux_binprm.execfd`, fs/exec.c:begin_new_exec, v6.1–v6.18; 0 where it has not, or where the program's standard
/// input was closed). A secret by its inode counts as everything touched.
///
/// Part of the program at `sched_process_exec` that is always attached: a second one there would wait for several grace periods
/// whenever a session begins (kernel/tracepoint.c:tracepoint_add_func).
#[inline(always)]
pub fn executed(session: u64, binprm: Object) {
    match binprm.read::<u32>(offset!(binprm_execfd)) {
        Some(0) => {}
        Some(descriptor) => {
            if kernel::descriptor(descriptor as u64).and_then(secret::is_tagged) != Some(false) {
                lost::count(Loss::Unseen, session);
            }
        }
        None => lost::count(Loss::Read, session),
    }
}
