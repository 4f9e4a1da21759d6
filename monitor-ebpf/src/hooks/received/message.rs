//! Messages, and the descriptors among their control data.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_loop},
    macros::tracepoint,
    programs::TracePointContext,
};
use monitor_common::loss::Loss;

use super::descriptor::arrived;
use crate::{
    decide::verdict,
    kernel::{self, Memory as _, User},
    maps::MESSAGES,
    report::lost,
};

/// `struct user_msghdr` (include/linux/socket.h, v6.1–v7.2).
const MSG_NAME: usize = 0;
const MSG_NAMELEN: usize = 8;
const MSG_CONTROL: usize = 32;
const MSG_CONTROLLEN: usize = 40;
/// `sizeof(struct user_msghdr)`.
const HEADER: u64 = 56;
/// For control data: no address of a program's.
pub const NOWHERE: u64 = 0;
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
/// `sizeof(struct mmsghdr)` (include/linux/socket.h): a `user_msghdr`, and how much came.
const MESSAGE: u64 = 64;

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
    // Most messages have no room for any.
    let Some(length @ 1..) = header.read::<u64>(MSG_CONTROLLEN) else { return 0 };
    if let (Some(control), Some(name), Some(name_length)) =
        (header.read::<u64>(MSG_CONTROL), header.read::<u64>(MSG_NAME), header.read::<u32>(MSG_NAMELEN))
    {
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
pub fn unseen(session: u64) {
    lost::count(Loss::Unseen, session);
    verdict::renew(session);
}

/// Where the control data of the thread's message went.
#[inline(always)]
pub fn as_entered() -> Option<u64> {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: copied out at once; only the thread itself writes it.
    let control = unsafe { MESSAGES.get(thread) }.copied()?;
    let _ = MESSAGES.remove(thread);
    Some(control)
}

/// Looks at so many messages, the first of which stands at `first`. Of a single one `noted` says where its control data went; of several
/// their headers do.
#[inline(always)]
pub fn look(tgid: u32, session: u64, first: u64, messages: u32, noted: Option<u64>) {
    let (one, at) = (noted.is_some() as u32, noted.unwrap_or(NOWHERE));
    let mut walk = Walk { tgid, fds: 0, session, at, end: 0, first, one };
    // SAFETY: the callback has the type that the helper wants, and `walk` outlives the call.
    unsafe { bpf_loop(messages, next_message as *mut c_void, (&raw mut walk).cast(), 0) };
}

/// Looks at one message.
unsafe extern "C" fn next_message(index: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `look` handed it over.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    let message = User(walk.first.wrapping_add(index as u64 * MESSAGE) as usize);
    let (Some(length), Some(control)) =
        (message.read::<u64>(MSG_CONTROLLEN), message.read::<u64>(MSG_CONTROL))
    else {
        lost::count(Loss::Read, walk.session);
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
    // SAFETY: as in `look`.
    unsafe { bpf_loop(CONTROLS, next_control as *mut c_void, (&raw mut *walk).cast(), 0) };
    if walk.fds != 0 {
        // SAFETY: as above.
        unsafe { bpf_loop(SCM_MAX_FD, next_descriptor as *mut c_void, (&raw mut *walk).cast(), 0) };
    }
    0
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
    // SAFETY: `look` handed it over.
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
    // SAFETY: `look` handed it over.
    let walk = unsafe { &*walk.cast::<Walk>() };
    if index >= walk.fds {
        return 1;
    }
    match User(walk.at as usize).read::<u32>(index as usize * 4) {
        Some(descriptor) => arrived(walk.tgid, walk.session, descriptor as u64),
        None => lost::count(Loss::Read, walk.session),
    }
    0
}
