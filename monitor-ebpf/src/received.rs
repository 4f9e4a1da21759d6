//! Descriptors that a process gets without opening anything: taken out of another process, sent by one, or copied from its own
//! before the open that made them has returned. What they lead to is looked at as if it were opened now, by its inode alone. By the exits
//! of the syscalls on every backend: LSM's `file_receive` would need what a whole open needs of the verifier, once more.
//!
//! Not seen here: descriptors that arrive by an io_uring ([`crate::io_uring`]) or in a 32-bit program.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_loop},
    macros::tracepoint,
    programs::TracePointContext,
};
use monitor_common::{
    event::network::{Connect, outcome},
    loss::Loss,
    policy::Flow,
};

use crate::{
    abi::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, S_IFMT, S_IFREG, S_IFSOCK},
    count, files,
    kernel::{self, Memory as _, Object, Structure as _, User, offset},
    maps::{FLOWS, MESSAGES},
    network,
    registers::{self, Returned},
    verdict,
};

/// include/uapi/linux/fcntl.h.
const F_DUPFD: u64 = 0;
const F_DUPFD_CLOEXEC: u64 = 1030;
/// `struct user_msghdr` (include/linux/socket.h, v6.1–v7.2).
const MSG_NAME: usize = 0;
const MSG_NAMELEN: usize = 8;
const MSG_CONTROL: usize = 32;
const MSG_CONTROLLEN: usize = 40;
/// `sizeof(struct user_msghdr)`.
const HEADER: u64 = 56;
/// For control data: no address of a program's.
const NOWHERE: u64 = 0;
const EFAULT: i64 = -14;
/// Second argument of `recvmsg` in its tracepoint's record.
const MESSAGE_ARGUMENT: usize = 24;
/// `struct cmsghdr`: length, level, type; then its data, and the next one at a multiple of 8.
const LEVEL: usize = 8;
const TYPE: usize = 12;
const DATA: usize = 16;
const SOL_SOCKET: u32 = 1;
const SCM_RIGHTS: u32 = 1;
/// Descriptors of one message, at most (include/net/scm.h:SCM_MAX_FD).
const SCM_MAX_FD: u32 = 253;
/// Control messages of one message that are looked through: the descriptors stand behind time stamps, credentials, a security context and
/// a pidfd at most (net/socket.c:__sock_recv_timestamp, include/net/scm.h:scm_recv).
const CONTROLS: u32 = 8;
/// x86-64 syscall numbers (arch/x86/entry/syscalls/syscall_64.tbl).
const PIDFD_GETFD: u64 = 438;
const FCNTL: u32 = 72;
const RECVMSG: u32 = 47;
const RECVMMSG: u32 = 299;
/// `sizeof(struct mmsghdr)` (include/linux/socket.h): a `user_msghdr`, and how much came.
const MESSAGE: u64 = 64;
/// Whoever connects gets a local port from here on (`net.ipv4.ip_local_port_range`); below it servers listen, and what they accept
/// is handed on among their workers: those connections are a client's, not the session's.
const FIRST_OF_CLIENTS: u16 = 32_768;

/// Exit of `pidfd_getfd`, `dup`, `dup2`, `dup3`, `fcntl(fd, cmd, …)`, `recvmsg(fd, message, flags)` and `recvmmsg(fd, messages, …)`: one
/// program, attached to each.
#[tracepoint]
pub fn exit_descriptor(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(Returned { syscall, result }) = registers::returned(&ctx) else {
        count::lost(Loss::Read, label.session);
        return 0;
    };
    let (tgid, session) = (ctx.tgid(), label.session);
    let control = if syscall == RECVMSG { as_entered() } else { None };
    if result == EFAULT && (control.is_some() || syscall == RECVMMSG) {
        // The header could not be written back, after the descriptors had come (net/socket.c:____sys_recvmsg, v6.1–v7.2).
        unseen(session);
    }
    if result < 0 {
        return 0;
    }
    if syscall == RECVMSG || syscall == RECVMMSG {
        let messages = if syscall == RECVMSG { 1 } else { result as u32 };
        let Some(first) = registers::argument(1) else {
            count::lost(Loss::Read, session);
            return 0;
        };
        let one = (syscall == RECVMSG) as u32;
        let mut walk = Walk { tgid, fds: 0, session, at: control.unwrap_or(NOWHERE), end: 0, first, one };
        // SAFETY: the callback has the type that the helper wants, and `walk` outlives the call.
        unsafe { bpf_loop(messages, next_message as *mut c_void, (&raw mut walk).cast(), 0) };
    } else if syscall != FCNTL || matches!(registers::argument(1), Some(F_DUPFD | F_DUPFD_CLOEXEC) | None) {
        arrived(tgid, session, result as u64);
    }
    0
}

/// `recvmsg(fd, message, flags)`: where its control data goes is noted, because what arrives may be written over the header that says so.
/// The kernel writes the data, then the control data, then the sender's name and the header's last fields.
#[tracepoint]
pub fn enter_message(ctx: TracePointContext) -> u32 {
    if kernel::label(ctx.tgid()).is_none() {
        return 0;
    }
    // SAFETY: the argument is at this offset in the syscall's sys_enter_* record.
    let Ok(message) = (unsafe { ctx.read_at::<u64>(MESSAGE_ARGUMENT) }) else { return 0 };
    let header = User(message as usize);
    if let (Some(length @ 1..), Some(control), Some(name), Some(name_length)) = (
        header.read::<u64>(MSG_CONTROLLEN),
        header.read::<u64>(MSG_CONTROL),
        header.read::<u64>(MSG_NAME),
        header.read::<u32>(MSG_NAMELEN),
    ) {
        let is_overwritten = overlap(control, length, message, HEADER)
            || name != 0 && overlap(control, length, name, name_length as u64);
        // Where there is no room the oldest makes some (LRU), and counts as unseen at its exit.
        let at = if is_overwritten { NOWHERE } else { control };
        let _ = MESSAGES.insert(bpf_get_current_pid_tgid(), at, 0);
    }
    0
}

#[inline(always)]
fn overlap(one: u64, length: u64, other: u64, other_length: u64) -> bool {
    one < other.saturating_add(other_length) && other < one.saturating_add(length)
}

/// Something came that cannot be told.
#[inline(always)]
fn unseen(session: u64) {
    count::lost(Loss::Unseen, session);
    verdict::renew(session);
}

/// Where the control data of the thread's message went.
#[inline(always)]
fn as_entered() -> Option<u64> {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: copied out at once; only the thread itself writes it.
    let control = unsafe { MESSAGES.get(thread) }.copied()?;
    let _ = MESSAGES.remove(thread);
    Some(control)
}

/// Looks at one message.
unsafe extern "C" fn next_message(index: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `exit_descriptor` handed it over.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    let message = User(walk.first.wrapping_add(index as u64 * MESSAGE) as usize);
    let (Some(length), Some(control)) =
        (message.read::<u64>(MSG_CONTROLLEN), message.read::<u64>(MSG_CONTROL))
    else {
        count::lost(Loss::Read, walk.session);
        return 1;
    };
    if length <= DATA as u64 {
        return 0;
    }
    let control = if walk.one != 0 { walk.at } else { control };
    if control == NOWHERE {
        unseen(walk.session); // nobody saw where it was to go, or it is not what came any more
        return 1;
    }
    (walk.fds, walk.at, walk.end) = (0, control, control.wrapping_add(length));
    // SAFETY: as in `exit_descriptor`.
    unsafe { bpf_loop(CONTROLS, next_control as *mut c_void, (&raw mut *walk).cast(), 0) };
    if walk.fds != 0 {
        // SAFETY: as above.
        unsafe { bpf_loop(SCM_MAX_FD, next_descriptor as *mut c_void, (&raw mut *walk).cast(), 0) };
    }
    0
}

#[inline(always)]
fn arrived(tgid: u32, session: u64, descriptor: u64) {
    // Closed by another thread in this instant: what it was counts as touched.
    let seen = kernel::descriptor(descriptor).and_then(|file| {
        if kind(file)? == S_IFREG {
            files::judge_tagged(tgid, session, file)
        } else {
            socket(tgid, session, file)
        }
    });
    if seen.is_none() {
        count::lost(Loss::Read, session);
    }
}

/// Descriptors to look at: those in the messages' control data.
struct Walk {
    tgid: u32,
    /// How many there are in a message.
    fds: u32,
    session: u64,
    /// Where they, or what may be in front of them, stand in the receiver's memory, and where its control data ends. First, of one message,
    /// what [`enter_message`] noted.
    at: u64,
    end: u64,
    /// Where the messages stand.
    first: u64,
    /// 1: it is one message.
    one: u32,
}

/// Looks for the descriptors; 1 ends the loop.
unsafe extern "C" fn next_control(_: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `exit_descriptor` handed it over.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    let control = User(walk.at as usize);
    let (Some(length), Some(level), Some(kind)) =
        (control.read::<u64>(0), control.read::<u32>(LEVEL), control.read::<u32>(TYPE))
    else {
        return 1;
    };
    if length < DATA as u64 || length > walk.end.wrapping_sub(walk.at) {
        return 1;
    }
    if level == SOL_SOCKET && kind == SCM_RIGHTS {
        walk.fds = ((length - DATA as u64) / 4) as u32;
        walk.at += DATA as u64;
        return 1;
    }
    walk.at += (length + 7) & !7;
    (walk.at + DATA as u64 > walk.end) as i64
}

/// Looks at one descriptor; 1 ends the loop.
unsafe extern "C" fn next_descriptor(index: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `exit_descriptor` handed it over.
    let walk = unsafe { &*walk.cast::<Walk>() };
    if index >= walk.fds {
        return 1;
    }
    match User(walk.at as usize).read::<u32>(index as usize * 4) {
        Some(descriptor) => arrived(walk.tgid, walk.session, descriptor as u64),
        None => count::lost(Loss::Read, walk.session),
    }
    0
}

/// A program is executed: where it is registered for a kind of file (binfmt_misc, flags O and C) and run for one, the kernel has opened
/// that file for it (`linux_binprm.execfd`, fs/exec.c:begin_new_exec, v6.1–v6.18; 0 where it has not, or where the program's standard
/// input was closed). A secret by its inode counts as everything touched.
///
/// Part of the program at `sched_process_exec` that is always attached: a second one there would wait for several grace periods
/// whenever a session begins (kernel/tracepoint.c:tracepoint_add_func).
#[inline(always)]
pub fn executed(session: u64, binprm: Object) {
    match binprm.read::<u32>(offset!(binprm_execfd)) {
        Some(0) => {}
        Some(descriptor) => {
            if kernel::descriptor(descriptor as u64).and_then(files::is_tagged) != Some(false) {
                count::lost(Loss::Unseen, session);
            }
        }
        None => count::lost(Loss::Read, session),
    }
}

/// `None`: it cannot be read.
#[inline(always)]
fn kind(file: Object) -> Option<u16> {
    Some(file.follow(offset!(file_inode))?.read::<u16>(offset!(inode_mode))? & S_IFMT)
}

/// `None`: it cannot be read.
#[inline(always)]
fn socket(tgid: u32, session: u64, file: Object) -> Option<()> {
    if kind(file)? == S_IFSOCK {
        connection(tgid, session, file.follow(offset!(file_private_data))?.follow(offset!(socket_sk))?)?;
    }
    Some(())
}

/// Two sessions have one connection: what one of them has touched the other may send. Both count as having touched everything.
#[inline(always)]
fn hand_over(to: u64, from: u64) {
    if from != count::NOBODY && to != from {
        count::lost(Loss::Read, to);
        count::lost(Loss::Read, from);
    }
}

/// Notes a connection that nobody of a session has opened, so that its data is held as that of the session's own. A socket that is not
/// connected is noted when it is. `None`: it cannot be read.
#[inline(always)]
fn connection(tgid: u32, session: u64, sock: Object) -> Option<()> {
    let is_taken = registers::syscall() == Some(PIDFD_GETFD);
    let family = sock.read::<u16>(offset!(sock_family))?;
    let address = if family == AF_INET {
        network::mapped(sock.read(offset!(sock_address4))?)
    } else if family == AF_INET6 {
        sock.read(offset!(sock_address6))?
    } else {
        return Some(());
    };
    let (port, protocol) =
        (u16::from_be(sock.read(offset!(sock_port))?), sock.read::<u16>(offset!(sock_protocol))?);
    let is_known = matches!(protocol, IPPROTO_TCP | IPPROTO_UDP | IPPROTO_MPTCP);
    let local: u16 = sock.read(offset!(sock_local_port))?;
    if is_known && (port == 0 || local < FIRST_OF_CLIENTS) {
        return Some(());
    }
    let mut cookie: u64 = sock.read(offset!(sock_cookie))?;
    if let Some(flow) = FLOWS.get_ptr(cookie) {
        // SAFETY: a map value stays allocated while a program runs (RCU).
        hand_over(session, unsafe { (*flow).session });
        return Some(());
    }
    let outcome = if is_taken { outcome::TAKEN } else { outcome::RECEIVED };
    // What was sent the sender may keep: then the daemon takes the note back. A socket that no hook has met has no cookie, and of a
    // multipath connection others send: then the daemon notes it, or ends it, before its receiver goes on.
    if cookie != 0 && protocol != IPPROTO_MPTCP {
        network::follow(cookie, Flow { older: 1, ..Flow::new(session, tgid, address, port, protocol) });
    } else {
        cookie = 0;
        if !verdict::observes() {
            kernel::stop();
        }
    }
    network::tell(tgid, session, |header| Connect { header, cookie, address, port, protocol, outcome });
    Some(())
}
