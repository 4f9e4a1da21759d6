//! Mounts. What is mounted elsewhere keeps its inodes, so a mount hides no secret; it could hide what is Interlock's own.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm},
    programs::{FEntryContext, LsmContext},
};
use monitor_common::event::tamper::act;

use crate::{
    decide::hold,
    hooks::self_protection,
    kernel::{self, Object, Structure, identity, offset},
    report::tamper::{self, Attempt},
};

/// `LSM_HOOK(int, 0, sb_mount, const char *dev_name, const struct path *path, const char *type, unsigned long flags,
/// void *data)` (v6.1–v7.2).
#[lsm(hook = "sb_mount")]
pub fn sb_mount(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 5, |tgid, session| over(tgid, session, Object(ctx.arg::<*const u8>(1)), true))
}

/// `LSM_HOOK(int, 0, move_mount, const struct path *from_path, const struct path *to_path)` (v6.1–v7.2).
#[lsm(hook = "move_mount")]
pub fn move_mount(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        let from = over(tgid, session, Object(ctx.arg::<*const u8>(0)), true);
        if from != 0 { from } else { over(tgid, session, Object(ctx.arg::<*const u8>(1)), true) }
    })
}

/// `LSM_HOOK(int, 0, sb_umount, struct vfsmount *mnt, int flags)` (v6.1–v7.2).
#[lsm(hook = "sb_umount")]
pub fn sb_umount(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| away(tgid, session, Object(ctx.arg::<*const u8>(0)), true))
}

/// `int security_sb_mount(…)`, security/security.c (v6.1–v7.2), arguments as the hook's.
#[fentry(function = "security_sb_mount")]
pub fn security_sb_mount(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        over(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(1)), false);
    }
    0
}

/// `int security_move_mount(const struct path *from_path, const struct path *to_path)` (v6.1–v7.2).
#[fentry(function = "security_move_mount")]
pub fn security_move_mount(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        over(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(1)), false);
    }
    0
}

/// `int security_sb_umount(struct vfsmount *mnt, int flags)` (v6.1–v7.2).
#[fentry(function = "security_sb_umount")]
pub fn security_sb_umount(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        away(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(0)), false);
    }
    0
}

/// Something is mounted over, or from, a path.
#[inline(always)]
fn over(tgid: u32, session: u64, path: Object, refuse: bool) -> i32 {
    let Some(dentry) = path.follow(offset!(path_dentry)) else { return 0 };
    tamper::report(tgid, session, Attempt::at(act::MOUNT, dentry), refuse && self_protection::is_own(dentry))
}

/// A mount is taken away; its root is what one saw there.
#[inline(always)]
fn away(tgid: u32, session: u64, mount: Object, refuse: bool) -> i32 {
    let Some(root) = mount.follow(offset!(vfsmount_root)) else { return 0 };
    let own = identity::of_dentry(root).is_some_and(self_protection::listed);
    tamper::report(tgid, session, Attempt::at(act::UNMOUNT, root), refuse && own)
}
