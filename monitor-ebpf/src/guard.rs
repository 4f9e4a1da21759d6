//! Acts of labelled processes against other processes and against Interlock itself. Refused where they would take the
//! control away; reported in any case. Nobody without a label is ever refused anything here.

use aya_ebpf::{EbpfContext as _, macros::lsm, programs::LsmContext};
use monitor_common::{
    event::{
        guard::{Guard, NAME_MAX, act},
        kind, state,
    },
    loss::Loss,
    policy::{InodeKey, SecretTag},
};

use crate::{
    emit,
    hold::{self, EPERM, Outcome},
    kernel::{self, Object, offset},
    maps::{ACCESS, DAEMON, OWN_INODES, SECRET_INODES},
    verdict,
};

/// `LSM_HOOK(int, 0, ptrace_access_check, struct task_struct *child, unsigned int mode)` (v6.1–v7.2): ptrace,
/// process_vm_readv, `/proc/PID/{mem,environ,…}`.
#[lsm(hook = "ptrace_access_check")]
pub fn ptrace_access_check(ctx: LsmContext) -> i32 {
    hold::settle(try_ptrace_access_check(&ctx))
}

#[inline(always)]
fn try_ptrace_access_check(ctx: &LsmContext) -> i32 {
    let refused: i32 = ctx.arg(2);
    if refused != 0 {
        return hold::REFUSED_BY_ANOTHER;
    }
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let child = Object(ctx.arg::<*const u8>(0));
    let Some(target) = child.read::<u32>(offset!(task_tgid)) else { return 0 };
    // PTRACE_MODE_ATTACH (include/linux/ptrace.h): reading what everybody may read is no attack.
    let attaches = ctx.arg::<u32>(1) & 0x02 != 0;
    if target == ctx.tgid() || !attaches {
        return 0;
    }
    // Its own tree is the agent's to debug; the daemon and processes of others are not.
    let own = kernel::label(target).is_some_and(|other| other.session == label.session);
    let attempt = Attempt { act: act::INSPECT, target, detail: ctx.arg::<u32>(1), name: None };
    report(ctx.tgid(), label.session, attempt, target == daemon(), own)
}

/// `LSM_HOOK(int, 0, task_kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)`
/// (v6.1–v7.2).
#[lsm(hook = "task_kill")]
pub fn task_kill(ctx: LsmContext) -> i32 {
    hold::settle(try_task_kill(&ctx))
}

#[inline(always)]
fn try_task_kill(ctx: &LsmContext) -> i32 {
    let refused: i32 = ctx.arg(4);
    if refused != 0 {
        return hold::REFUSED_BY_ANOTHER;
    }
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(target) = Object(ctx.arg::<*const u8>(0)).read::<u32>(offset!(task_tgid)) else { return 0 };
    let signal: i32 = ctx.arg(2);
    if target != daemon() || signal == 0 {
        return 0;
    }
    let attempt = Attempt { act: act::SIGNAL, target, detail: signal as u32, name: None };
    report(ctx.tgid(), label.session, attempt, true, false)
}

/// `LSM_HOOK(int, 0, bpf, int cmd, union bpf_attr *attr, unsigned int size)`, and a fourth argument from v6.16 on.
///
/// An agent has no business with bpf: with it, it could detach us or write our maps.
#[lsm(hook = "bpf")]
pub fn bpf(ctx: LsmContext) -> i32 {
    hold::settle(try_bpf(&ctx))
}

#[inline(always)]
fn try_bpf(ctx: &LsmContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let attempt = Attempt { act: act::BPF, target: 0, detail: ctx.arg::<u32>(0), name: None };
    report(ctx.tgid(), label.session, attempt, true, false)
}

/// `LSM_HOOK(int, 0, inode_unlink, struct inode *dir, struct dentry *dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_unlink")]
pub fn inode_unlink(ctx: LsmContext) -> i32 {
    hold::settle(try_inode_unlink(&ctx))
}

#[inline(always)]
fn try_inode_unlink(ctx: &LsmContext) -> i32 {
    let refused: i32 = ctx.arg(2);
    if refused != 0 {
        return hold::REFUSED_BY_ANOTHER;
    }
    own_file(ctx, Object(ctx.arg::<*const u8>(1)), act::REMOVE)
}

/// `LSM_HOOK(int, 0, inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
/// struct dentry *new_dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_rename")]
pub fn inode_rename(ctx: LsmContext) -> i32 {
    hold::settle(try_inode_rename(&ctx))
}

#[inline(always)]
fn try_inode_rename(ctx: &LsmContext) -> i32 {
    let refused: i32 = ctx.arg(4);
    if refused != 0 {
        return hold::REFUSED_BY_ANOTHER;
    }
    let old = own_file(ctx, Object(ctx.arg::<*const u8>(1)), act::REMOVE);
    if old != 0 { old } else { own_file(ctx, Object(ctx.arg::<*const u8>(3)), act::REMOVE) }
}

/// `LSM_HOOK(int, 0, inode_link, struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)` (v6.1–v7.2).
/// The link leads to the same inode, so it is only reported.
#[lsm(hook = "inode_link")]
pub fn inode_link(ctx: LsmContext) -> i32 {
    hold::settle(try_inode_link(&ctx))
}

#[inline(always)]
fn try_inode_link(ctx: &LsmContext) -> i32 {
    let refused: i32 = ctx.arg(3);
    if refused != 0 {
        return hold::REFUSED_BY_ANOTHER;
    }
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let dentry = Object(ctx.arg::<*const u8>(0));
    let Some(key) = identity(dentry) else { return 0 };
    // SAFETY: the value is copied out at once; entries are replaced whole.
    let tag: Option<SecretTag> = unsafe { SECRET_INODES.get(key) }.copied();
    if tag.is_none() {
        return 0;
    }
    let attempt = Attempt { act: act::LINK, target: 0, detail: 0, name: Some(dentry) };
    report(ctx.tgid(), label.session, attempt, false, false)
}

struct Attempt {
    act: u32,
    target: u32,
    detail: u32,
    name: Option<Object>,
}

/// Refuses what `refuse` says, reports everything but what is the session's `own` business.
#[inline(always)]
fn report(tgid: u32, session: u64, attempt: Attempt, refuse: bool, own: bool) -> i32 {
    if own {
        return 0;
    }
    let refuse = refuse && !verdict::observes();
    if let Some(mut entry) = emit::reserve::<Guard>(&ACCESS, Loss::Guard, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = emit::header(kind::GUARD, tgid, session);
            (*record).act = attempt.act;
            (*record).state = if refuse { state::REFUSED } else { state::PASSED };
            (*record).target = attempt.target;
            (*record).detail = attempt.detail;
            (*record).reserved = 0;
            (*record).name = [0; NAME_MAX];
            if let Some(dentry) = attempt.name {
                let name = (&raw mut (*record).name).cast();
                let _ =
                    dentry.at(offset!(dentry_name)).read_string(offset!(qstr_name), name, NAME_MAX as u32);
            }
        }
        entry.submit(0);
    }
    if refuse { EPERM } else { 0 }
}

#[inline(always)]
fn own_file(ctx: &LsmContext, dentry: Object, act: u32) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(key) = identity(dentry) else { return 0 }; // a name that does not exist yet
    // SAFETY: a presence test.
    if unsafe { OWN_INODES.get(key) }.is_none() {
        return 0;
    }
    report(ctx.tgid(), label.session, Attempt { act, target: 0, detail: 0, name: Some(dentry) }, true, false)
}

/// One of Interlock's own files is opened for writing; refused where that is still possible.
#[inline(always)]
pub fn own_file_written(tgid: u32, session: u64, dentry: Object, before: bool) -> Outcome {
    let attempt = Attempt { act: act::WRITE, target: 0, detail: 0, name: Some(dentry) };
    let code = report(tgid, session, attempt, before, false);
    Outcome { state: if code == 0 { state::PASSED } else { state::REFUSED }, code }
}

#[inline(always)]
fn identity(dentry: Object) -> Option<InodeKey> {
    let inode = dentry.follow(offset!(dentry_inode))?;
    let dev = inode.follow(offset!(inode_sb))?.read(offset!(sb_dev))?;
    Some(InodeKey { ino: inode.read(offset!(inode_ino))?, dev, reserved: 0 })
}

/// 0 is nobody's tgid.
#[inline(always)]
fn daemon() -> u32 {
    DAEMON.get(0).copied().unwrap_or(0)
}
