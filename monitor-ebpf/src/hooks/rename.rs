//! Other names for secrets. What a file is was known by its name; from here on it is known by its inode.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm},
    programs::{FEntryContext, LsmContext},
};
use monitor_common::{
    event::{
        file::{Relink, relink},
        kind,
        tamper::act,
    },
    loss::Loss,
    policy::{Followed, InodeKey},
};

use crate::{
    decide::hold,
    hooks::{
        open::{place, secret},
        self_protection,
    },
    kernel::{
        self, Memory, Object, Structure,
        abi::{S_IFDIR, S_IFMT, S_IFREG},
        bloom, identity, offset,
    },
    maps::{ACCESS, FOLLOWED, FOLLOWED_BITS, FOREIGN_DIRECTORIES},
    report::{lost, path, ring},
};

/// `LSM_HOOK(int, 0, inode_link, struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_link")]
pub fn inode_link(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 3, |tgid, session| {
        let (old, new) = (Object(ctx.arg::<*const u8>(0)), Object(ctx.arg::<*const u8>(2)));
        renamed(tgid, session, old, relink::LINK);
        self_protection::changed(tgid, session, new, act::CREATE, true)
    })
}

/// `LSM_HOOK(int, 0, inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
/// struct dentry *new_dentry)` (v6.1–v7.2).
#[lsm(hook = "inode_rename")]
pub fn inode_rename(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 4, |tgid, session| {
        let (old, new) = (Object(ctx.arg::<*const u8>(1)), Object(ctx.arg::<*const u8>(3)));
        renamed(tgid, session, old, relink::RENAME);
        let code = self_protection::changed(tgid, session, old, act::REMOVE, true);
        if code != 0 { code } else { self_protection::changed(tgid, session, new, act::REMOVE, true) }
    })
}

/// `int security_inode_link(struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)`, security/security.c
/// (v6.1–v7.2).
#[fentry(function = "security_inode_link")]
pub fn security_inode_link(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        renamed(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(0)), relink::LINK);
    }
    0
}

/// `int security_inode_rename(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
/// struct dentry *new_dentry, unsigned int flags)` (v6.1–v7.2).
#[fentry(function = "security_inode_rename")]
pub fn security_inode_rename(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        renamed(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(1)), relink::RENAME);
    }
    0
}

#[inline(always)]
fn renamed(tgid: u32, session: u64, dentry: Object, how: u32) {
    if follow(tgid, session, dentry, how).is_none() {
        lost::count(Loss::Read, session);
    }
}

/// `None`: something of it cannot be read.
#[inline(always)]
fn follow(tgid: u32, session: u64, dentry: Object, how: u32) -> Option<()> {
    let key = identity::of_dentry(dentry)?;
    let inode = dentry.follow(offset!(dentry_inode))?;
    let mode: u16 = inode.read(offset!(inode_mode))?;
    let generation: u32 = inode.read(offset!(inode_generation))?;
    if mode & S_IFMT == S_IFDIR {
        if !place::in_workspace(session, key, dentry) {
            // An LRU: it cannot be full.
            let _ = FOREIGN_DIRECTORIES.insert(key, generation, 0);
        }
        return Some(());
    }
    if mode & S_IFMT != S_IFREG {
        return Some(());
    }
    let secret = secret::recognise(key, dentry)?;
    if secret.is_none() {
        return Some(());
    }
    let foreign = secret.is_foreign(session, key, dentry) as u32;
    bloom::admit(&FOLLOWED_BITS, key.hash());
    let _ = FOLLOWED.insert(key, Followed { tag: secret.tag, foreign, generation }, 0);
    report(tgid, session, key, secret, foreign, how, dentry);
    Some(())
}

#[inline(always)]
fn report(
    tgid: u32,
    session: u64,
    key: InodeKey,
    secret: secret::Secret,
    foreign: u32,
    how: u32,
    dentry: Object,
) {
    let Some(mut entry) = ring::reserve::<Relink>(&ACCESS, Loss::Relink, session) else { return };
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        (*record).header = entry.header(kind::RELINK, tgid, session);
        (*record).file = key;
        (*record).tag = secret.tag;
        (*record).matched = secret.matched;
        (*record).foreign = foreign;
        (*record).how = how;
        (*record).reserved = 0;
        path::write(&raw mut (*record).path, dentry);
    }
    entry.submit();
}
