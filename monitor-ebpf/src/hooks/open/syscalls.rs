//! Opens by the exits of their syscalls, which look at what was really opened. Nothing runs at the entry: an open that failed
//! has left its path's address in the caller's registers.
//!
//! A path changed after a check does not matter, because nothing is decided by the path. Where a compat (32-bit) syscall
//! or io_uring opens the file there is no such tracepoint: a limit of this backend.

use aya_ebpf::{EbpfContext as _, macros::tracepoint, programs::TracePointContext};
use monitor_common::loss::Loss;

use super::{failed, judge};
use crate::{
    decide::hold::HookPhase,
    kernel::{
        self,
        pt_regs::{self, Returned},
    },
    report::lost,
};

/// x86-64 syscall number (arch/x86/entry/syscalls/syscall_64.tbl).
const OPEN: u32 = 2;

/// Exit of `open`, `openat` and `openat2`: one program, attached three times.
#[tracepoint]
pub fn exit_open(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    kernel::stop_if_frozen(label.session);
    let Some(Returned { syscall, result }) = pt_regs::returned(&ctx) else {
        lost::count(Loss::Read, label.session);
        return 0;
    };
    if result < 0 {
        match path(syscall) {
            Some(path) => {
                let _ = failed::failed(ctx.tgid(), label.session, result as i32, failed::Path::User(path));
            }
            None => lost::count(Loss::Read, label.session),
        }
    } else {
        match kernel::descriptor(result as u64) {
            Some(file) => {
                judge(ctx.tgid(), label.session, file, HookPhase::After);
            }
            // Closed or moved by another thread in this instant: what it was counts as touched.
            None => lost::count(Loss::Read, label.session),
        }
    }
    0
}

/// The path that the caller asked for: `open(filename, …)`, `openat(dfd, filename, …)`, `openat2(dfd, filename, …)`.
#[inline(always)]
fn path(syscall: u32) -> Option<u64> {
    pt_regs::argument(if syscall == OPEN { 0 } else { 1 })
}
