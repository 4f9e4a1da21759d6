//! Opens: what was really opened is looked at by identity (device, inode space, inode) and by name, so neither symlinks nor
//! `/proc/self/root` nor another name matter.
//!
//! Two ways lead here: `lsm/file_open` ([`gate`]), before the open takes effect, and the syscalls' tracepoints
//! ([`syscalls`]), after it.

use monitor_common::{
    event::{
        file::{COMPONENT_MAX, COMPONENTS, Names, Open, ProcOpen, WALK, matched, proc_file},
        kind,
    },
    loss::Loss,
    policy::{AnswerKey, GRADE_NONE, InodeKey, SecretTag},
};

use crate::{
    abi::{S_IFIFO, S_IFMT, S_IFREG},
    count, emit,
    hold::{self, Outcome, PASS},
    identity,
    kernel::{Memory, Object, Structure, offset},
    maps::{ACCESS, FOLLOWED, FOLLOWED_BITS, FOREIGN_DIRECTORIES, SECRET_BITS, SECRET_INODES, SESSIONS},
    meeting, names, own, sieve, verdict,
};

mod copies;
pub mod gate;
mod made;
mod overlay;
pub mod probe;
pub mod starts;
pub mod syscalls;

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

/// How a file is known as a secret.
#[derive(Clone, Copy)]
pub struct Secret {
    pub tag: SecretTag,
    /// One of `matched`.
    pub matched: u32,
    /// [`FOREIGN`], [`WORKSPACE`] or [`BY_PLACE`].
    place: u32,
}

const WORKSPACE: u32 = 0;
const FOREIGN: u32 = 1;
/// Where it lies tells, and who made it.
const BY_PLACE: u32 = 2;

impl Secret {
    /// Stands for no secret: an `Option` would make the compiler read a register that was never written.
    const NONE: Self = Self { tag: names::NONE, matched: 0, place: WORKSPACE };

    #[inline(always)]
    pub fn is_none(self) -> bool {
        self.tag.grade == GRADE_NONE
    }

    /// Whether the session has no business with it.
    #[inline(always)]
    pub fn is_foreign(self, session: u64, file: InodeKey, dentry: Object) -> bool {
        if self.place != BY_PLACE {
            return self.place == FOREIGN;
        }
        !self.is_made(session, file, dentry) && !in_workspace(session, file, dentry)
    }

    /// Whether it is of the session's own making.
    #[inline(always)]
    fn is_made(self, session: u64, file: InodeKey, dentry: Object) -> bool {
        self.place == BY_PLACE && self.tag.placed == 0 && made::by(session, file, dentry)
    }
}

/// Whether the open can still be stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// Judges a file that a labelled process opens; gives what becomes of it.
#[inline(always)]
pub fn judge(tgid: u32, session: u64, file: impl Structure, moment: Moment) -> Outcome {
    match look(session, file) {
        Some(Target::Ordinary) => PASS,
        Some(Target::Own { dentry }) => own::written(tgid, session, dentry, moment == Moment::Before),
        Some(Target::Proc { dentry }) => {
            let _ = proc_file(tgid, session, dentry);
            PASS
        }
        Some(Target::Start { dentry }) => {
            // An open that made the file, and must have made it, would fail if it began again.
            let is_made = file.read::<u32>(offset!(file_flags)).is_none_or(|flags| flags & O_EXCL != 0);
            starts::written(tgid, session, dentry, if is_made { Moment::After } else { moment })
        }
        Some(Target::Secret { key, secret, dentry }) => opened(tgid, session, key, secret, dentry, moment),
        None => {
            // Unreadable: the session is incomplete from now on, which counts as having touched everything.
            count::lost(Loss::Read, session);
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
        opened(tgid, session, key, secret, dentry, Moment::After);
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
    if mode & FMODE_WRITE != 0 && own::is(key, dentry.object()) {
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
        let names::Named { file, parent } = names::of(dentry)?;
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

/// What kind of secret a file is: by its inode, by the name that it had when it was renamed, by the name it has now.
/// `None`: its name cannot be read.
#[inline(always)]
pub fn recognise(key: InodeKey, dentry: impl Structure) -> Option<Secret> {
    let secret = by_inode(key, dentry)?;
    if secret.is_none() {
        let names::Named { file, parent } = names::of(dentry)?;
        return Some(by_name(file, parent));
    }
    Some(secret)
}

#[inline(always)]
fn by_inode(key: InodeKey, dentry: impl Structure) -> Option<Secret> {
    // Tagged inodes are credential stores outside of every workspace: a hard link into one changes nothing.
    if sieve::passes(&SECRET_BITS, key.hash())
        // SAFETY: the value is copied out at once; entries are replaced whole.
        && let Some(tag) = unsafe { SECRET_INODES.get(key) }.copied()
    {
        return Some(Secret { tag, matched: matched::INODE, place: FOREIGN });
    }
    if sieve::passes(&FOLLOWED_BITS, key.hash())
        // SAFETY: as above.
        && let Some(followed) = unsafe { FOLLOWED.get(key) }.copied()
        && dentry.follow(offset!(dentry_inode))?.read::<u32>(offset!(inode_generation))?
            == followed.generation
    {
        return Some(Secret { tag: followed.tag, matched: matched::INODE, place: followed.foreign });
    }
    Some(Secret::NONE)
}

/// Whether an open file is a secret by its inode. `None`: it cannot be read.
#[inline(always)]
pub fn is_tagged(file: Object) -> Option<bool> {
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    Some(!by_inode(identity::of_dentry(dentry)?, dentry)?.is_none())
}

#[inline(always)]
fn by_name(file: names::Hashes, parent: (u64, u64)) -> Secret {
    let tag = names::tag(&file, parent);
    if tag.grade == GRADE_NONE {
        Secret::NONE
    } else {
        Secret { tag, matched: matched::NAME, place: BY_PLACE }
    }
}

#[inline(always)]
fn opened(tgid: u32, session: u64, key: InodeKey, secret: Secret, dentry: Object, moment: Moment) -> Outcome {
    let (tag, made) = (secret.tag, secret.is_made(session, key, dentry));
    let foreign = !made && secret.is_foreign(session, key, dentry);
    let outcome = if moment == Moment::Before {
        hold::decide(verdict::open(tag, foreign), AnswerKey::of_open(session, key))
    } else {
        PASS
    };
    // The taint comes before the record: if the record is lost the next connection is held all the same.
    let touched =
        if outcome.code == 0 { verdict::taint(session, tag.grade, foreign) } else { verdict::UNTOUCHED };
    if let Some(mut entry) = emit::reserve::<Open>(&ACCESS, Loss::Open, session) {
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
            path(&raw mut (*record).path, dentry);
        }
        entry.submit();
    }
    outcome
}

/// Writes the names from the file upwards.
///
/// # Safety
/// `record` must be valid for writes.
#[inline(always)]
pub unsafe fn path(record: *mut Names, file: Object) {
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
pub fn in_workspace(session: u64, key: InodeKey, file: Object) -> bool {
    let Some(state) = SESSIONS.get_ptr(session) else { return false };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads of fields written once.
    let workspace = unsafe {
        InodeKey { ino: (*state).workspace_ino, dev: (*state).workspace_dev, space: (*state).workspace_space }
    };
    if workspace.ino == 0 || workspace.dev != key.dev {
        return false;
    }
    let mut dentry = file;
    for _ in 0..WALK {
        let Some(parent) = dentry.follow(offset!(dentry_parent)) else { return false };
        if parent.0 == dentry.0 {
            return false;
        }
        let Some(inode) = parent.follow(offset!(dentry_inode)) else { return false };
        let Some(directory) = identity::of_inode(inode) else { return false };
        if directory == workspace {
            return true;
        }
        // SAFETY: a 32-bit value, copied out at once.
        if let Some(generation) = unsafe { FOREIGN_DIRECTORIES.get(directory) }.copied()
            && inode.read(offset!(inode_generation)) == Some(generation)
        {
            return false;
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
