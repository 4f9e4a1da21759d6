//! Files that somebody else runs or obeys later: a shell's start file, a hook of version control, a unit, a table of cron. Who
//! writes one has something done outside of every session.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm},
    programs::{FEntryContext, LsmContext},
};
use monitor_common::{
    event::{file::Write, kind},
    hash,
    loss::Loss,
    policy::{AnswerKey, InodeKey, RUN_LATER, VERDICT_ALLOW},
};

use super::place::in_workspace;
use crate::{
    decide::{
        hold::{self, HookPhase, Outcome, PASS},
        verdict,
    },
    kernel::{self, Object, Structure, identity, name_hash, offset},
    maps::{ACCESS, SERVICE_NAMES},
    report::{lost, path, ring},
};

/// Whether a file may be one of them, by its name and its directory's: the daemon knows the whole path. `None`: it cannot be read.
#[inline(always)]
pub fn is(session: u64, exact: u64, (parent, directory): (u64, u64), dentry: Object) -> Option<bool> {
    match listed(session, exact, parent, directory, dentry.0 as u64) {
        LISTED => Some(true),
        UNREADABLE => None,
        _ => Some(false),
    }
}

const LISTED: u64 = 1;
const UNREADABLE: u64 = 2;

/// Every project has a directory `bin`, so what is known by its directory alone lies outside of the workspace.
///
/// A function of its own: its keys would be too much for its callers' stack (512 bytes for all frames; before v6.13 each is rounded
/// up to 32).
#[inline(never)]
fn listed(session: u64, exact: u64, parent: u64, directory: u64, dentry: u64) -> u64 {
    if is_listed(exact) || is_listed(hash::pair(parent, exact)) {
        return LISTED;
    }
    if !is_listed(directory) {
        return 0;
    }
    let dentry = Object(dentry as *const u8);
    match place(dentry) {
        Some(place) => !in_workspace(session, place, dentry) as u64,
        None => UNREADABLE,
    }
}

#[inline(always)]
fn is_listed(name: u64) -> bool {
    // SAFETY: a 32-bit value, copied out at once.
    unsafe { SERVICE_NAMES.get(name) }.is_some_and(|service| *service & RUN_LATER != 0)
}

/// The file, or where nothing stands behind its name yet, its directory: their file system is one.
#[inline(always)]
fn place(dentry: Object) -> Option<InodeKey> {
    match identity::of_dentry(dentry) {
        Some(file) => Some(file),
        None => identity::of_dentry(dentry.follow(offset!(dentry_parent))?),
    }
}

/// One of them is opened for writing, or another file gets its name.
#[inline(always)]
pub fn written(tgid: u32, session: u64, dentry: Object, phase: HookPhase) -> Outcome {
    let file = place(dentry).unwrap_or(InodeKey { ino: 0, dev: 0, space: 0 });
    let verdict = verdict::policy().map_or(VERDICT_ALLOW, |policy| policy.delegate);
    let outcome = if phase == HookPhase::Before {
        hold::decide(verdict, AnswerKey::of_open(session, file))
    } else {
        PASS
    };
    if let Some(mut entry) = ring::reserve::<Write>(&ACCESS, Loss::Delegate, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = entry.header(kind::WRITE, tgid, session);
            (*record).file = file;
            (*record).state = outcome.state;
            (*record).reserved = 0;
            path::write(&raw mut (*record).path, dentry);
        }
        entry.submit();
    }
    outcome
}

/// `LSM_HOOK(int, 0, inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
/// struct dentry *new_dentry)` (v6.1–v7.2), beside the program that follows secrets: both read names, and together they would cost the
/// verifier the product.
#[lsm(hook = "inode_rename")]
pub fn start_renamed(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 4, |tgid, session| {
        replaced(tgid, session, Object(ctx.arg::<*const u8>(3)));
        0
    })
}

/// `int security_inode_rename(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
/// struct dentry *new_dentry, unsigned int flags)` (v6.1–v7.2).
#[fentry(function = "security_inode_rename")]
pub fn security_start_renamed(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        replaced(ctx.tgid(), label.session, Object(ctx.arg::<*const u8>(3)));
    }
    0
}

/// A file gets a name that is run later, as editors and installers write: beside it, then in its place. Reported, not held: the rename
/// of a file that was written already can be begun again, but its writing cannot be undone.
#[inline(always)]
fn replaced(tgid: u32, session: u64, new: Object) {
    match name_hash::of(new).and_then(|named| is(session, named.file.exact, named.parent, new)) {
        Some(true) => {
            written(tgid, session, new, HookPhase::After);
        }
        Some(false) => {}
        None => lost::count(Loss::Read, session),
    }
}
