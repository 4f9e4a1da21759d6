//! What is Interlock's own: its process, its files, its directories, its programs. An agent that would take the control
//! away is refused where the backend can refuse, and reported in any case. Nobody without a label is ever refused
//! anything here.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm, raw_tracepoint},
    programs::{FEntryContext, LsmContext, RawTracePointContext},
};
use monitor_common::{
    event::{state, tamper::act},
    policy::InodeKey,
};

use crate::{
    decide::hold::{self, Outcome},
    kernel::{self, Memory, Object, Structure, identity, offset},
    maps::{DAEMON, OWN_INODES},
    report::tamper::{self, Attempt},
};

/// `LSM_HOOK(int, 0, task_kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)`
/// (v6.1–v7.2).
#[lsm(hook = "task_kill")]
pub fn task_kill(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 4, |tgid, session| {
        signalled(tgid, session, Object(ctx.arg::<*const u8>(0)), ctx.arg(2), true)
    })
}

/// `TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result)`,
/// include/trace/events/signal.h (v6.1–v7.2).
#[raw_tracepoint(tracepoint = "signal_generate")]
pub fn signal_generate(ctx: RawTracePointContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        signalled(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(2)), ctx.arg(0), false);
    }
    0
}

#[inline(always)]
fn signalled(tgid: u32, session: u64, task: Object, signal: i32, refuse: bool) -> i32 {
    let Some(target) = task.read::<u32>(offset!(task_tgid)) else { return 0 };
    if target != daemon() || signal == 0 {
        return 0;
    }
    tamper::report(tgid, session, Attempt::on(act::SIGNAL, target, signal as u32), refuse)
}

/// `LSM_HOOK(int, 0, bpf, int cmd, union bpf_attr *attr, unsigned int size)`, and a fourth argument from v6.16 on, so
/// that the place of the answer of programs before is unknown.
///
/// An agent has no business with bpf: with it, it could detach us or write our maps.
#[lsm(hook = "bpf")]
pub fn bpf(ctx: LsmContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    hold::settle(tamper::report(ctx.tgid(), label.session, Attempt::on(act::BPF, 0, ctx.arg::<u32>(0)), true))
}

/// `int security_bpf(int cmd, union bpf_attr *attr, unsigned int size)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_bpf")]
pub fn security_bpf(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        tamper::report(ctx.tgid(), label.session, Attempt::on(act::BPF, 0, ctx.arg::<u32>(0)), false);
    }
    0
}

/// `LSM_HOOK(int, 0, inode_unlink, struct inode *dir, struct dentry *dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_unlink")]
pub fn inode_unlink(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        change(tgid, session, Object(ctx.arg::<*const u8>(1)), act::REMOVE)
    })
}

/// `LSM_HOOK(int, 0, inode_rmdir, struct inode *dir, struct dentry *dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_rmdir")]
pub fn inode_rmdir(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        change(tgid, session, Object(ctx.arg::<*const u8>(1)), act::REMOVE)
    })
}

/// `LSM_HOOK(int, 0, inode_create, struct inode *dir, struct dentry *dentry, umode_t mode)` (v6.1–v7.2).
#[lsm(hook = "inode_create")]
pub fn inode_create(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 3, |tgid, session| {
        change(tgid, session, Object(ctx.arg::<*const u8>(1)), act::CREATE)
    })
}

/// `LSM_HOOK(int, 0, inode_mkdir, struct inode *dir, struct dentry *dentry, umode_t mode)` (v6.1–v7.2).
#[lsm(hook = "inode_mkdir")]
pub fn inode_mkdir(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 3, |tgid, session| {
        change(tgid, session, Object(ctx.arg::<*const u8>(1)), act::CREATE)
    })
}

/// `LSM_HOOK(int, 0, inode_symlink, struct inode *dir, struct dentry *dentry, const char *old_name)` (v6.1–v7.2).
#[lsm(hook = "inode_symlink")]
pub fn inode_symlink(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 3, |tgid, session| {
        change(tgid, session, Object(ctx.arg::<*const u8>(1)), act::CREATE)
    })
}

/// `LSM_HOOK(int, 0, path_truncate, const struct path *path)` (v6.1–v7.2): `truncate(2)` opens nothing.
#[lsm(hook = "path_truncate")]
pub fn path_truncate(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 1, |tgid, session| {
        change_at(tgid, session, Object(ctx.arg::<*const u8>(0)), act::WRITE)
    })
}

/// `LSM_HOOK(int, 0, path_chmod, const struct path *path, umode_t mode)` (v6.1–v7.2).
#[lsm(hook = "path_chmod")]
pub fn path_chmod(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        change_at(tgid, session, Object(ctx.arg::<*const u8>(0)), act::WRITE)
    })
}

#[inline(always)]
fn change(tgid: u32, session: u64, dentry: Object, act: u32) -> i32 {
    changed(tgid, session, dentry, act, true)
}

#[inline(always)]
fn change_at(tgid: u32, session: u64, path: Object, act: u32) -> i32 {
    path.follow(offset!(path_dentry)).map_or(0, |dentry| change(tgid, session, dentry, act))
}

/// Reports a change of what is ours; gives the hook's answer.
#[inline(always)]
pub fn changed(tgid: u32, session: u64, dentry: Object, act: u32, refuse: bool) -> i32 {
    if !is_own(dentry) {
        return 0;
    }
    tamper::report(tgid, session, Attempt::at(act, dentry), refuse)
}

/// One of Interlock's own files is opened for writing; refused where that is still possible.
#[inline(always)]
pub fn written(tgid: u32, session: u64, dentry: Object, before: bool) -> Outcome {
    let code = tamper::report(tgid, session, Attempt::at(act::WRITE, dentry), before);
    Outcome { state: if code == 0 { state::PASSED } else { state::REFUSED }, code }
}

/// Whether a dentry is one of Interlock's own files, or lies in one of its own directories, whenever it was made.
#[inline(always)]
pub fn is_own(dentry: Object) -> bool {
    let Some(parent) = dentry.follow(offset!(dentry_parent)) else { return false };
    // A name that does not exist yet has no inode: its directory tells.
    let itself = identity::of_dentry(dentry).is_some_and(listed);
    itself || identity::of_dentry(parent).is_some_and(listed)
}

/// As [`is_own`], of a file whose identity is known.
#[inline(always)]
pub fn is(key: InodeKey, dentry: Object) -> bool {
    if listed(key) {
        return true;
    }
    let Some(parent) = dentry.follow(offset!(dentry_parent)) else { return false };
    identity::of_dentry(parent).is_some_and(listed)
}

#[inline(always)]
pub fn listed(key: InodeKey) -> bool {
    // SAFETY: a presence test.
    unsafe { OWN_INODES.get(key) }.is_some()
}

/// 0 is nobody's tgid.
#[inline(always)]
pub fn daemon() -> u32 {
    DAEMON.get(0).copied().unwrap_or(0)
}
