//! Opens: what was really opened is looked at by identity (device, inode space, inode) and by name, so neither symlinks nor
//! `/proc/self/root` nor another name matter.
//!
//! Two ways lead here: `lsm/file_open` ([`lsm`]), before the open takes effect, and the syscalls' tracepoints
//! ([`syscalls`]), after it.

use monitor_common::{
    event::{
        file::{Open, ProcOpen, proc_file},
        kind,
    },
    loss::Loss,
    policy::{AnswerKey, InodeKey},
};

use self::secret::{Secret, by_inode, by_name};
use crate::{
    decide::{
        hold::{self, HookPhase, Outcome, PASS},
        verdict,
    },
    hooks::{meeting, self_protection},
    kernel::{
        Memory, Object, Structure,
        abi::{S_IFIFO, S_IFMT, S_IFREG},
        identity, name_hash, offset,
    },
    maps::ACCESS,
    report::{lost, path, ring},
};

mod copies;
mod failed;
mod lsm;
mod made;
mod overlay;
pub mod place;
pub mod secret;
mod starts;
mod syscalls;

const FMODE_READ: u32 = 1;
const FMODE_WRITE: u32 = 2;
/// The open made the file (fs/namei.c:lookup_open; include/linux/fs.h, v6.1–v7.2).
const FMODE_CREATED: u32 = 0x10_0000;
/// include/uapi/asm-generic/fcntl.h; taken away after the hook (fs/open.c:do_dentry_open).
const O_EXCL: u32 = 0o200;
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// What a file is to us.
enum Target {
    Ordinary,
    /// One of Interlock's own files, opened for writing.
    Own {
        dentry: Object,
    },
    Proc {
        dentry: Object,
    },
    /// Opened for writing, and run later.
    Start {
        dentry: Object,
    },
    Secret {
        key: InodeKey,
        secret: Secret,
        dentry: Object,
    },
}

/// Judges a file that a labelled process opens; gives what becomes of it.
#[inline(always)]
pub fn judge(tgid: u32, session: u64, file: impl Structure, phase: HookPhase) -> Outcome {
    match look(session, file) {
        Some(Target::Ordinary) => PASS,
        Some(Target::Own { dentry }) => {
            self_protection::written(tgid, session, dentry, phase == HookPhase::Before)
        }
        Some(Target::Proc { dentry }) => {
            let _ = proc_file(tgid, session, dentry);
            PASS
        }
        Some(Target::Start { dentry }) => {
            // An open that made the file, and must have made it, would fail if it began again.
            let is_made = file.read::<u32>(offset!(file_flags)).is_none_or(|flags| flags & O_EXCL != 0);
            starts::written(tgid, session, dentry, if is_made { HookPhase::After } else { phase })
        }
        Some(Target::Secret { key, secret, dentry }) => opened(tgid, session, key, secret, dentry, phase),
        None => {
            // Unreadable: the session is incomplete from now on, which counts as having touched everything.
            lost::count(Loss::Read, session);
            PASS
        }
    }
}

/// The same of a descriptor that arrived, by its inode alone: to follow names in a callback there is no room on the stack.
/// `None`: it cannot be read.
#[inline(always)]
pub fn judge_tagged(tgid: u32, session: u64, file: Object) -> Option<()> {
    if file.read::<u32>(offset!(file_mode))? & FMODE_READ == 0 {
        return Some(());
    }
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    let key = identity::of_dentry(dentry)?;
    let secret = by_inode(key, dentry)?;
    if !secret.is_none() {
        opened(tgid, session, key, secret, dentry, HookPhase::After);
    }
    Some(())
}

#[inline(always)]
fn look(session: u64, file: impl Structure) -> Option<Target> {
    let mode: u32 = file.read(offset!(file_mode))?;
    let inode = file.follow(offset!(file_inode))?;
    let kind: u16 = inode.read(offset!(inode_mode))?;
    let is_pipe = kind & S_IFMT == S_IFIFO;
    if kind & S_IFMT != S_IFREG && !is_pipe {
        return Some(Target::Ordinary);
    }
    let sb = inode.follow(offset!(inode_sb))?;
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    let magic: u64 = sb.read(offset!(sb_magic))?;
    if magic == PROC_SUPER_MAGIC {
        return Some(Target::Proc { dentry: dentry.object() });
    }
    let key = identity::of_inode(inode)?;
    if is_pipe {
        meeting::at_pipe(session, key, inode.read(offset!(inode_generation))?);
        return Some(Target::Ordinary);
    }
    if mode & FMODE_WRITE != 0 && self_protection::is(key, dentry.object()) {
        return Some(Target::Own { dentry: dentry.object() });
    }
    if mode & FMODE_WRITE != 0 {
        copies::note(session, inode);
    }
    let is_made = mode & FMODE_CREATED != 0;
    if is_made {
        made::note(session, key, inode);
    }
    // There was nothing in a new file to read.
    let is_read = mode & FMODE_READ != 0 && !is_made;
    let mut secret = if is_read { by_inode(key, dentry)? } else { Secret::NONE };
    if secret.is_none() {
        // The names once, whatever is asked of them: they are most of what the verifier has to follow.
        let name_hash::Named { file, parent } = name_hash::of(dentry)?;
        if mode & FMODE_WRITE != 0 && starts::is(session, file.exact, parent, dentry.object())? {
            return Some(Target::Start { dentry: dentry.object() });
        }
        if !is_read {
            return Some(Target::Ordinary);
        }
        secret = by_name(file, parent);
    }
    if secret.is_none() {
        secret = copies::by_another(session, inode);
    }
    if secret.is_none() {
        secret = overlay::secret(magic, inode);
    }
    Some(if secret.is_none() {
        Target::Ordinary
    } else {
        Target::Secret { key, secret, dentry: dentry.object() }
    })
}

#[inline(always)]
fn opened(
    tgid: u32,
    session: u64,
    key: InodeKey,
    secret: Secret,
    dentry: Object,
    phase: HookPhase,
) -> Outcome {
    let (tag, made) = (secret.tag, secret.is_made(session, key, dentry));
    let foreign = !made && secret.is_foreign(session, key, dentry);
    let outcome = if phase == HookPhase::Before {
        hold::decide(verdict::open(tag, foreign), AnswerKey::of_open(session, key))
    } else {
        PASS
    };
    // The taint comes before the record: if the record is lost the next connection is held all the same.
    let touched =
        if outcome.code == 0 { verdict::taint(session, tag.grade, foreign) } else { verdict::UNTOUCHED };
    if let Some(mut entry) = ring::reserve::<Open>(&ACCESS, Loss::Open, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = entry.header(kind::OPEN, tgid, session);
            (*record).file = key;
            (*record).tag = tag;
            (*record).matched = secret.matched;
            (*record).foreign = foreign as u32;
            (*record).state = outcome.state;
            (*record).made = made as u32;
            (*record).generation = touched.generation;
            (*record).touch = touched.number;
            path::write(&raw mut (*record).path, dentry);
        }
        entry.submit();
    }
    outcome
}

/// `/proc/PID/environ` and `/proc/PID/mem`, also below `task/TID`.
#[inline(always)]
fn proc_file(tgid: u32, session: u64, dentry: Object) -> Option<()> {
    let mut name = [0_u8; 16];
    dentry.at(offset!(dentry_name)).read_string(offset!(qstr_name), name.as_mut_ptr(), 16)?;
    let file = match &name {
        b"environ\0\0\0\0\0\0\0\0\0" => proc_file::ENVIRON,
        b"mem\0\0\0\0\0\0\0\0\0\0\0\0\0" => proc_file::MEM,
        _ => return None,
    };
    let mut entry = ring::reserve::<ProcOpen>(&ACCESS, Loss::Environ, session)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        (*record).header = entry.header(kind::PROC_OPEN, tgid, session);
        (*record).file = file;
        (*record).reserved = 0;
        (*record).names = [[0; 16]; 3];
        let mut directory = dentry;
        for i in 0..3 {
            let Some(parent) = directory.follow(offset!(dentry_parent)) else { break };
            let target = (&raw mut (*record).names[i]).cast::<u8>();
            let _ = parent.at(offset!(dentry_name)).read_string(offset!(qstr_name), target, 16);
            directory = parent;
        }
    }
    entry.submit();
    Some(())
}
