//! Opens, by the syscalls' tracepoints: the entry keeps the path's address, the exit looks at what was really opened.
//!
//! Judged at the exit by identity (device, inode, directory), so neither symlinks nor `/proc/self/root` nor a path
//! changed after the check matter. Where a compat (32-bit) syscall or io_uring opens the file there is no such
//! tracepoint: a limit of this backend.

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext,
};
use monitor_common::{
    event::{
        file::{COMPONENT_MAX, COMPONENTS, Open, ProcOpen, WALK, matched, proc_file},
        kind,
    },
    loss::Loss,
    policy::{InodeKey, SecretTag},
};

use crate::{
    count, emit,
    kernel::{self, Object, offset},
    maps::{ACCESS, OPENS, SECRET_INODES, SESSIONS},
    names, verdict,
};

const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;
const FMODE_READ: u32 = 1;
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// Arguments start after the common fields and the syscall's number, 8 bytes each (events/syscalls/*/format).
const ARGUMENT_0: usize = 16;
const ARGUMENT_1: usize = 24;
const RETURN_VALUE: usize = 16;

/// `open(filename, flags, mode)`.
#[tracepoint]
pub fn enter_open(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_0)
}

/// `openat(dfd, filename, flags, mode)`.
#[tracepoint]
pub fn enter_openat(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_1)
}

/// `openat2(dfd, filename, how, usize)`.
#[tracepoint]
pub fn enter_openat2(ctx: TracePointContext) -> u32 {
    enter(&ctx, ARGUMENT_1)
}

/// Exit of `open`, `openat` and `openat2`: one program, attached three times.
#[tracepoint]
pub fn exit_open(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: a plain 64-bit value, copied out at once; only this thread writes its key.
    let path = unsafe { OPENS.get(thread) }.copied();
    let _ = OPENS.remove(thread);
    // SAFETY: the return value is at this offset in every sys_exit_* record.
    let Ok(result) = (unsafe { ctx.read_at::<i64>(RETURN_VALUE) }) else {
        count::lost(Loss::Read, label.session);
        return 0;
    };
    if result >= 0 {
        let _ = opened(ctx.tgid(), label.session, result as u64);
    } else if let Some(path) = path {
        let _ = crate::files::probe::failed(ctx.tgid(), label.session, result as i32, path);
    }
    0
}

pub mod probe;

#[inline(always)]
fn enter(ctx: &TracePointContext, filename: usize) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    kernel::stop_if_frozen(label.session);
    // SAFETY: the argument is at this offset in the syscall's sys_enter_* record.
    if let Ok(path) = unsafe { ctx.read_at::<u64>(filename) }
        && OPENS.insert(bpf_get_current_pid_tgid(), path, 0).is_err()
    {
        count::lost(Loss::Pending, label.session);
    }
    0
}

#[inline(always)]
fn opened(tgid: u32, session: u64, fd: u64) -> Option<()> {
    let file = descriptor(fd)?;
    let mode: u32 = file.read(offset!(file_mode))?;
    let inode = file.follow(offset!(file_inode))?;
    let kind: u16 = inode.read(offset!(inode_mode))?;
    if mode & FMODE_READ == 0 || kind & S_IFMT != S_IFREG {
        return None;
    }
    let sb = inode.follow(offset!(inode_sb))?;
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    if sb.read::<u64>(offset!(sb_magic))? == PROC_SUPER_MAGIC {
        return proc_file(tgid, session, dentry);
    }
    let key = InodeKey { ino: inode.read(offset!(inode_ino))?, dev: sb.read(offset!(sb_dev))?, reserved: 0 };
    // SAFETY: the value is copied out at once; entries are replaced whole.
    let (tag, how) = match unsafe { SECRET_INODES.get(key) }.copied() {
        Some(tag) => (tag, matched::INODE),
        None => (by_name(dentry)?, matched::NAME),
    };
    secret(Reader { tgid, session, fd: fd as i32 }, key, tag, how, dentry)
}

/// `current->files->fdt->fd[fd]`: the calling thread owns the descriptor, so the table holds it unless another thread
/// closed it in this instant.
#[inline(always)]
fn descriptor(fd: u64) -> Option<Object> {
    let table = kernel::current_task().follow(offset!(task_files))?.follow(offset!(files_fdt))?;
    table.follow(offset!(fdtable_fd))?.follow((fd as usize) * 8)
}

#[inline(always)]
fn by_name(dentry: Object) -> Option<SecretTag> {
    let mut buffer = [0_u8; names::BUFFER];
    let parent = dentry.follow(offset!(dentry_parent))?;
    let length = names::read(parent, &mut buffer)?;
    let directory = names::directory(&buffer, length);
    let length = names::read(dentry, &mut buffer)?;
    names::tag(&names::hashes(&buffer, length), Some(directory))
}

struct Reader {
    tgid: u32,
    session: u64,
    fd: i32,
}

#[inline(always)]
fn secret(reader: Reader, key: InodeKey, tag: SecretTag, how: u32, dentry: Object) -> Option<()> {
    let Reader { tgid, session, fd } = reader;
    let foreign = !in_workspace(session, key.dev, dentry);
    // The taint comes first: if the record is lost the next connection is held all the same.
    let generation = verdict::taint(session, tag.grade, foreign);
    let mut entry = emit::reserve::<Open>(&ACCESS, Loss::Open, session)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        (*record).header = emit::header(kind::OPEN, tgid, session);
        (*record).ino = key.ino;
        (*record).dev = key.dev;
        (*record).tag = tag;
        (*record).matched = how;
        (*record).foreign = foreign as u32;
        (*record).fd = fd;
        (*record).generation = generation;
        path(record, dentry);
    }
    entry.submit(0);
    Some(())
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
