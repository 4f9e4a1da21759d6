//! Opens: what was really opened is looked at by identity (device, inode, directory) and by name, so neither symlinks
//! nor `/proc/self/root` nor another name matter.
//!
//! Two ways lead here: `lsm/file_open` ([`gate`]), before the open takes effect, and the syscalls' tracepoints
//! ([`syscalls`]), after it.

use monitor_common::{
    event::{
        file::{COMPONENT_MAX, COMPONENTS, Open, ProcOpen, WALK, matched, proc_file},
        kind, state,
    },
    loss::Loss,
    policy::{AnswerKey, GRADE_NONE, InodeKey, SUBJECT_OPEN, SecretTag},
};

use crate::{
    count, emit, guard,
    hold::{self, Outcome},
    kernel::{Object, offset},
    maps::{ACCESS, OWN_INODES, SECRET_INODES, SESSIONS},
    names, verdict,
};

pub mod gate;
pub mod probe;
pub mod syscalls;

const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;
const FMODE_READ: u32 = 1;
const FMODE_WRITE: u32 = 2;
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
    Secret {
        key: InodeKey,
        tag: SecretTag,
        how: u32,
        dentry: Object,
    },
}

/// Whether the open can still be stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

const PASS: Outcome = Outcome { state: state::PASSED, code: 0 };

/// Judges a file that a labelled process opens; gives what becomes of it.
#[inline(always)]
pub fn judge(tgid: u32, session: u64, file: Object, moment: Moment) -> Outcome {
    match look(file) {
        Some(Target::Ordinary) => PASS,
        Some(Target::Own { dentry }) => {
            guard::own_file_written(tgid, session, dentry, moment == Moment::Before)
        }
        Some(Target::Proc { dentry }) => {
            let _ = proc_file(tgid, session, dentry);
            PASS
        }
        Some(Target::Secret { key, tag, how, dentry }) => {
            secret(tgid, session, key, tag, how, dentry, moment)
        }
        None => {
            // Unreadable: the session is incomplete from now on, which counts as having touched everything.
            count::lost(Loss::Read, session);
            PASS
        }
    }
}

#[inline(always)]
fn look(file: Object) -> Option<Target> {
    let mode: u32 = file.read(offset!(file_mode))?;
    let inode = file.follow(offset!(file_inode))?;
    let kind: u16 = inode.read(offset!(inode_mode))?;
    if kind & S_IFMT != S_IFREG {
        return Some(Target::Ordinary);
    }
    let sb = inode.follow(offset!(inode_sb))?;
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    if sb.read::<u64>(offset!(sb_magic))? == PROC_SUPER_MAGIC {
        return Some(Target::Proc { dentry });
    }
    let key = InodeKey { ino: inode.read(offset!(inode_ino))?, dev: sb.read(offset!(sb_dev))?, reserved: 0 };
    // SAFETY: a presence test.
    if mode & FMODE_WRITE != 0 && unsafe { OWN_INODES.get(key) }.is_some() {
        return Some(Target::Own { dentry });
    }
    if mode & FMODE_READ == 0 {
        return Some(Target::Ordinary);
    }
    // SAFETY: the value is copied out at once; entries are replaced whole.
    if let Some(tag) = unsafe { SECRET_INODES.get(key) }.copied() {
        return Some(Target::Secret { key, tag, how: matched::INODE, dentry });
    }
    let tag = by_name(dentry)?;
    Some(if tag.grade == GRADE_NONE {
        Target::Ordinary
    } else {
        Target::Secret { key, tag, how: matched::NAME, dentry }
    })
}

/// `None`: a name cannot be read.
#[inline(always)]
fn by_name(dentry: Object) -> Option<SecretTag> {
    let mut buffer = [0_u8; names::BUFFER];
    let parent = dentry.follow(offset!(dentry_parent))?;
    let length = names::read(parent, &mut buffer)?;
    let directory = names::directory(&buffer, length);
    let length = names::read(dentry, &mut buffer)?;
    Some(names::tag(&names::hashes(&buffer, length), directory))
}

#[inline(always)]
fn secret(
    tgid: u32,
    session: u64,
    key: InodeKey,
    tag: SecretTag,
    how: u32,
    dentry: Object,
    moment: Moment,
) -> Outcome {
    // Tagged inodes are credential stores outside of every workspace: a hard link into one changes nothing.
    let foreign = how == matched::INODE || !in_workspace(session, key.dev, dentry);
    let outcome = if moment == Moment::Before {
        let subject = AnswerKey { session, ino: key.ino, dev: key.dev, subject: SUBJECT_OPEN };
        hold::decide(verdict::open(tag, foreign), subject)
    } else {
        PASS
    };
    // The taint comes before the record: if the record is lost the next connection is held all the same.
    let generation = if outcome.code == 0 { verdict::taint(session, tag.grade, foreign) } else { 0 };
    if let Some(mut entry) = emit::reserve::<Open>(&ACCESS, Loss::Open, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = emit::header(kind::OPEN, tgid, session);
            (*record).ino = key.ino;
            (*record).dev = key.dev;
            (*record).tag = tag;
            (*record).matched = how;
            (*record).foreign = foreign as u32;
            (*record).state = outcome.state;
            (*record).generation = generation;
            path(record, dentry);
        }
        entry.submit(0);
    }
    outcome
}

/// Writes the names from the file upwards.
///
/// # Safety
/// `record` must be valid for writes.
#[inline(always)]
unsafe fn path(record: *mut Open, file: Object) {
    let (mut dentry, mut used, mut complete) = (file, 0, 0);
    for i in 0..COMPONENTS {
        let Some(parent) = dentry.follow(offset!(dentry_parent)) else { break };
        if parent.0 == dentry.0 {
            complete = 1;
            break;
        }
        // SAFETY: the caller's promise, and `i` is below COMPONENTS.
        let target = unsafe { (&raw mut (*record).names[i]).cast::<u8>() };
        let name = dentry.at(offset!(dentry_name));
        if name.read_string(offset!(qstr_name), target, COMPONENT_MAX as u32).is_none() {
            break;
        }
        used += 1;
        dentry = parent;
    }
    // SAFETY: the caller's promise.
    unsafe {
        (*record).components = used;
        (*record).complete = complete;
    }
}

/// Whether the workspace's directory is among the file's ancestors. Unknown, or deeper than [`WALK`]: no.
#[inline(always)]
fn in_workspace(session: u64, dev: u32, file: Object) -> bool {
    let Some(state) = SESSIONS.get_ptr(session) else { return false };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads of fields written once.
    let (workspace_ino, workspace_dev) = unsafe { ((*state).workspace_ino, (*state).workspace_dev) };
    if workspace_ino == 0 || workspace_dev != dev {
        return false;
    }
    let mut dentry = file;
    for _ in 0..WALK {
        let Some(parent) = dentry.follow(offset!(dentry_parent)) else { return false };
        if parent.0 == dentry.0 {
            return false;
        }
        let ino =
            parent.follow(offset!(dentry_inode)).and_then(|inode| inode.read::<u64>(offset!(inode_ino)));
        if ino == Some(workspace_ino) {
            return true;
        }
        dentry = parent;
    }
    false
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
    let mut entry = emit::reserve::<ProcOpen>(&ACCESS, Loss::Environ, session)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        (*record).header = emit::header(kind::PROC_OPEN, tgid, session);
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
    entry.submit(0);
    Some(())
}
