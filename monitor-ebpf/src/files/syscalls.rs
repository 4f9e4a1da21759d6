//! Opens by the syscalls' tracepoints: the entry keeps the path's address, the exit looks at what was really opened.
//!
//! A path changed after a check does not matter, because nothing is decided by the path. Where a compat (32-bit) syscall
//! or io_uring opens the file there is no such tracepoint: a limit of this backend.

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext,
};
use monitor_common::loss::Loss;

use super::{Moment, judge, probe};
use crate::{
    count,
    kernel::{self, Object, offset},
    maps::OPENS,
};

/// Arguments start after the common fields and the syscall's number, 8 bytes each (events/syscalls/*/format).
const ARGUMENT_0: usize = 16;
const ARGUMENT_1: usize = 24;
const RETURN_VALUE: usize = 16;

/// `open(filename, flags, mode)`.
#[tracepoint]
pub fn enter_open(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_0)
}

/// `openat(dfd, filename, flags, mode)`.
#[tracepoint]
pub fn enter_openat(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_1)
}

/// `openat2(dfd, filename, how, usize)`.
#[tracepoint]
pub fn enter_openat2(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_1)
}

/// Exit of `open`, `openat` and `openat2`: one program, attached three times.
#[tracepoint]
pub fn exit_open(ctx: TracePointContext) -> u32 {
    exit(&ctx)
}

#[inline(always)]
fn enter(ctx: &TracePointContext, filename: usize) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    kernel::stop_if_frozen(label.session);
    // SAFETY: the argument is at this offset in the syscall's sys_enter_* record.
    if let Ok(path) = unsafe { ctx.read_at::<u64>(filename) }
        && OPENS.insert(bpf_get_current_pid_tgid(), path, 0).is_err()
    {
        count::lost(Loss::Pending, label.session);
    }
    0
}

#[inline(always)]
fn exit(ctx: &TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: a plain 64-bit value, copied out at once; only this thread writes its key.
    let path = unsafe { OPENS.get(thread) }.copied();
    let _ = OPENS.remove(thread);
    // SAFETY: the return value is at this offset in every sys_exit_* record.
    let Ok(result) = (unsafe { ctx.read_at::<i64>(RETURN_VALUE) }) else {
        count::lost(Loss::Read, label.session);
        return 0;
    };
    if result < 0 {
        if let Some(path) = path {
            let _ = probe::failed(ctx.tgid(), label.session, result as i32, probe::Path::User(path));
        }
    } else {
        match descriptor(result as u64) {
            Some(file) => {
                judge(ctx.tgid(), label.session, file, Moment::After);
            }
            // Closed or moved by another thread in this instant: what it was counts as touched.
            None => count::lost(Loss::Read, label.session),
        }
    }
    0
}

/// `current->files->fdt->fd[fd]`.
#[inline(always)]
fn descriptor(fd: u64) -> Option<Object> {
    let table = kernel::current_task().follow(offset!(task_files))?.follow(offset!(files_fdt))?;
    table.follow(offset!(fdtable_fd))?.follow((fd as usize) * 8)
}
