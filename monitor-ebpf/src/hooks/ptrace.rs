//! Reaching into another process. Its own tree is the agent's to debug; the daemon and everybody else's are not.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm, tracepoint},
    programs::{FEntryContext, LsmContext, TracePointContext},
};
use monitor_common::event::tamper::act;

use crate::{
    decide::hold,
    hooks::self_protection,
    kernel::{self, Memory, Object, offset},
    report::tamper::{self, Attempt},
};

/// include/linux/ptrace.h (v6.1–v7.2). Reading what everybody may read is no attack.
const PTRACE_MODE_ATTACH: u32 = 0x02;
/// include/uapi/linux/ptrace.h.
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;
/// Arguments of a syscall's tracepoint, 8 bytes each (events/syscalls/*/format).
const ARGUMENT_0: usize = 16;
const ARGUMENT_1: usize = 24;

/// `LSM_HOOK(int, 0, ptrace_access_check, struct task_struct *child, unsigned int mode)` (v6.1–v7.2): ptrace,
/// process_vm_readv, `/proc/PID/{mem,environ,…}`.
#[lsm(hook = "ptrace_access_check")]
pub fn ptrace_access_check(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        let Some(target) = Object(ctx.arg::<*const u8>(0)).read::<u32>(offset!(task_tgid)) else { return 0 };
        inspected(tgid, session, target, ctx.arg(1), true)
    })
}

/// `int security_ptrace_access_check(struct task_struct *child, unsigned int mode)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_ptrace_access_check")]
pub fn security_ptrace_access_check(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid())
        && let Some(target) = Object(ctx.arg::<*const u8>(0)).read::<u32>(offset!(task_tgid))
    {
        inspected(ctx.tgid(), label.session, target, ctx.arg(1), false);
    }
    0
}

#[inline(always)]
fn inspected(tgid: u32, session: u64, target: u32, mode: u32, refuse: bool) -> i32 {
    let own = kernel::label(target).is_some_and(|other| other.session == session);
    if target == tgid || own || mode & PTRACE_MODE_ATTACH == 0 {
        return 0;
    }
    tamper::report(
        tgid,
        session,
        Attempt::on(act::INSPECT, target, mode),
        refuse && target == self_protection::daemon(),
    )
}

/// `ptrace(request, pid, addr, data)`. The pid is as the caller's pid namespace counts.
#[tracepoint]
pub fn enter_ptrace(ctx: TracePointContext) -> u32 {
    // SAFETY: the syscall's first argument is at this offset.
    let request = unsafe { ctx.read_at::<u64>(ARGUMENT_0) };
    if request == Ok(PTRACE_ATTACH) || request == Ok(PTRACE_SEIZE) {
        entered(&ctx, ARGUMENT_1);
    }
    0
}

/// `process_vm_readv` and `process_vm_writev(pid, …)`: one program, attached twice.
#[tracepoint]
pub fn enter_process_vm(ctx: TracePointContext) -> u32 {
    entered(&ctx, ARGUMENT_0);
    0
}

#[inline(always)]
fn entered(ctx: &TracePointContext, pid: usize) {
    let Some(label) = kernel::label(ctx.tgid()) else { return };
    // SAFETY: the argument is at this offset in the syscall's sys_enter_* record.
    if let Ok(target) = unsafe { ctx.read_at::<u64>(pid) } {
        inspected(ctx.tgid(), label.session, target as u32, PTRACE_MODE_ATTACH, false);
    }
}
