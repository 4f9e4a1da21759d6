//! Lineage: a label is inherited at fork and removed at the end. setsid, double fork, vfork, clone3 and a dead parent
//! change nothing, because the creator is always the current task.

use aya_ebpf::{EbpfContext as _, macros::raw_tracepoint, programs::RawTracePointContext};
use monitor_common::{
    event::{
        kind,
        process::{Exit, Fork},
    },
    label::Label,
    loss::Loss,
};

use crate::{
    kernel::{self, Memory, Object, Structure, offset},
    maps::{LIFECYCLE, PROCESSES},
    report::{lost, ring},
};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`, include/trace/events/sched.h (v6.1–v6.18);
/// kernel/fork.c calls it before the child can run.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn process_fork(ctx: RawTracePointContext) -> i32 {
    let _ = inherit(&ctx);
    0
}

#[inline(always)]
fn inherit(ctx: &RawTracePointContext) -> Option<()> {
    let creator = ctx.tgid();
    let label = kernel::label(creator)?;
    let child = Object(ctx.arg::<*const u8>(1));
    let Some((tgid, pid)) = ids(child) else {
        lost::count(Loss::Read, label.session);
        return None;
    };
    if tgid != pid {
        return None; // a thread: its process has the label
    }
    let start_ns = child.read(offset!(task_start_boottime)).unwrap_or(0);
    if PROCESSES.insert(tgid, Label { session: label.session, start_ns }, 0).is_err() {
        // Fails open: the child runs unlabelled. Counted, and the session is incomplete, which rules see.
        lost::count(Loss::Label, label.session);
    }
    kernel::stop_if_frozen(label.session);
    let mut entry = ring::reserve::<Fork>(&LIFECYCLE, Loss::Fork, label.session)?;
    entry.write(Fork {
        header: entry.header(kind::FORK, creator, label.session),
        child: tgid,
        reserved: 0,
        child_start_ns: start_ns,
    });
    entry.submit();
    Some(())
}

#[inline(always)]
fn ids(task: Object) -> Option<(u32, u32)> {
    Some((task.read(offset!(task_tgid))?, task.read(offset!(task_pid))?))
}

/// `TP_PROTO(struct task_struct *p)`, v6.1; `(struct task_struct *p, bool group_dead)` from v6.16.
/// kernel/exit.c:do_exit has already taken this thread off `signal->live`.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn process_exit(ctx: RawTracePointContext) -> i32 {
    let _ = forget(&ctx);
    0
}

#[inline(always)]
fn forget(ctx: &RawTracePointContext) -> Option<()> {
    let tgid = ctx.tgid();
    let label = kernel::label(tgid)?;
    let live: i32 = kernel::current_task().follow(offset!(task_signal))?.read(offset!(signal_live))?;
    if live != 0 {
        return None; // a thread ended, its process lives on
    }
    let _ = PROCESSES.remove(tgid);
    let mut entry = ring::reserve::<Exit>(&LIFECYCLE, Loss::Exit, label.session)?;
    entry.write(Exit { header: entry.header(kind::EXIT, tgid, label.session) });
    entry.submit();
    Some(())
}
