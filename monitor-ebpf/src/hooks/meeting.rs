//! Sessions that can hand each other what they have read: by a Unix socket, a TCP port of this machine or a named pipe. What one of them has
//! touched counts for the other from then on, because nobody sees what is said there.
//!
//! Of a TCP port the connect's hook asks the kernel who listens there, so it sees every way to connect. Of a Unix socket both sides are
//! looked at, where one connects and where it is accepted: one of them is enough. That is where security modules are asked (`security`,
//! `unix_connect`), and at the exits of the syscalls where programs cannot be attached there.
//!
//! Not seen here: datagrams, what a program outside of every session passes on between two; at the exits of the syscalls, what a 32-bit
//! program listens on or accepts.

mod company;
mod listener;
mod security;

use aya_ebpf::{
    EbpfContext as _,
    helpers::bpf_get_current_pid_tgid,
    macros::tracepoint,
    programs::{SockAddrContext, TracePointContext},
};
use monitor_common::{event::meeting::how, loss::Loss, policy::InodeKey};

use self::{
    company::met,
    listener::{Listener, is_own_loopback, listener},
};
use crate::{
    kernel::{
        self, Memory as _, Object, Structure as _,
        abi::{AF_INET, AF_INET6, AF_UNIX, IPPROTO_TCP},
        offset,
        pt_regs::{self, Returned},
    },
    maps::{CANDIDATES, LISTENERS, PIPES, SESSIONS},
    report::lost::{self, NOBODY},
};

/// x86-64 syscall numbers (arch/x86/entry/syscalls/syscall_64.tbl).
const CONNECT: u32 = 42;
const LISTEN: u32 = 50;
/// A connection that is under way (include/uapi/asm-generic/errno*.h, include/linux/errno.h).
const UNDER_WAY: [i64; 3] = [-115, -4, -512];
/// include/uapi/linux/bpf.h.
const BPF_NOEXIST: u64 = 1;

/// Exit of `connect(fd, …)`, and where programs cannot be attached to what security modules are asked, of `listen(fd, …)`, `accept(fd, …)`
/// and `accept4(fd, …)`: one program, attached to each.
#[tracepoint]
pub fn exit_meeting(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(Returned { syscall, result }) = pt_regs::returned(&ctx) else {
        lost::count(Loss::Read, label.session);
        return 0;
    };
    let seen = match syscall {
        LISTEN if result == 0 => socket(pt_regs::argument(0)).and_then(|sock| listens(label.session, sock)),
        LISTEN => Some(()),
        CONNECT => connected(label.session, result),
        _ if result >= 0 => socket(Some(result as u64)).and_then(|sock| accepted(label.session, sock)),
        _ => Some(()),
    };
    if seen.is_none() {
        lost::count(Loss::Read, label.session); // closed by another thread in this instant
    }
    0
}

/// The socket of a descriptor.
#[inline(always)]
fn socket(descriptor: Option<u64>) -> Option<Object> {
    kernel::socket_of(kernel::descriptor(descriptor?)?)?.follow(offset!(socket_sk))
}

/// Notes who listens.
#[inline(always)]
fn listens(session: u64, sock: Object) -> Option<()> {
    if is_tcp(sock)? {
        let (cookie, device): (u64, u32) =
            (sock.read(offset!(sock_cookie))?, sock.read(offset!(sock_device))?);
        if cookie == 0 || device != 0 {
            // Older than the session, so nobody gave it a number; or at one device only, where a look-up without one does not see it.
            lost::count(Loss::Meeting, session);
            return Some(());
        }
        // Where there is no room the oldest makes some (LRU).
        let _ = LISTENERS.insert(cookie, session, 0);
    }
    Some(())
}

/// A connection was accepted: whoever accepts serves what listens there, also where somebody else began to.
#[inline(always)]
fn accepted(session: u64, sock: Object) -> Option<()> {
    if sock.read::<u16>(offset!(sock_family))? == AF_UNIX {
        return peer(session, sock);
    }
    match socket(pt_regs::argument(0)) {
        Some(listening) => listens(session, listening),
        None => Some(()), // closed by now, as servers end; `listen` noted it
    }
}

#[inline(always)]
fn connected(session: u64, result: i64) -> Option<()> {
    let candidate = candidate();
    if result != 0 && !UNDER_WAY.contains(&result) {
        return Some(());
    }
    let sock = socket(pt_regs::argument(0))?;
    if sock.read::<u16>(offset!(sock_family))? == AF_UNIX {
        return peer(session, sock);
    }
    if candidate != NOBODY && is_tcp(sock)? && comes_from_its_own_address(sock)? {
        met(session, candidate, how::PORT as u64);
    }
    Some(())
}

/// Whom the thread's connect may meet; not its next one.
#[inline(always)]
fn candidate() -> u64 {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: copied out at once; only the thread itself writes it.
    let Some(candidate) = unsafe { CANDIDATES.get(thread) }.copied() else { return NOBODY };
    let _ = CANDIDATES.remove(thread);
    candidate
}

/// Who called listen(2), or who connected (net/unix/af_unix.c:copy_peercred, init_peercred, v6.1–v6.18); nobody of a datagram socket.
#[inline(always)]
pub fn peer(session: u64, sock: Object) -> Option<()> {
    let Some(peer) = sock.follow(offset!(sock_peer_pid)) else { return Some(()) };
    // The first number is that of the initial namespace (include/linux/pid.h).
    if let Some(label) = kernel::label(peer.read(offset!(pid_numbers))?) {
        met(session, label.session, how::UNIX_SOCKET as u64);
    }
    Some(())
}

#[inline(always)]
fn is_tcp(sock: Object) -> Option<bool> {
    let family = sock.read::<u16>(offset!(sock_family))?;
    let is_internet = family == AF_INET || family == AF_INET6;
    Some(is_internet && sock.read::<u16>(offset!(sock_protocol))? == IPPROTO_TCP)
}

/// Then its other end is on this machine.
#[inline(always)]
fn comes_from_its_own_address(sock: Object) -> Option<bool> {
    if sock.read::<u16>(offset!(sock_family))? == AF_INET {
        return Some(sock.read::<u32>(offset!(sock_own4))? == sock.read::<u32>(offset!(sock_address4))?);
    }
    let (own, to): ([u64; 2], [u64; 2]) =
        (sock.read(offset!(sock_own6))?, sock.read(offset!(sock_address6))?);
    Some(own == to)
}

/// A session is about to connect to a port: by whatever call, as `connect4` and `connect6` see it. Who is asked for here is met also where
/// the connect fails.
#[inline(always)]
pub fn asks_for(ctx: &SockAddrContext, session: u64, address: [u8; 16], port: u16) {
    let earlier = candidate();
    if earlier != NOBODY {
        met(session, earlier, how::PORT as u64); // nobody saw how its connect ended: fails closed
    }
    let Some(Listener { session: other, at_this_address }) = listener(ctx, address, port) else { return };
    if other == session {
        return;
    }
    if at_this_address || is_own_loopback(&address) {
        met(session, other, how::PORT as u64);
    } else {
        // Whoever listens at every address is found for a distant one too.
        let _ = CANDIDATES.insert(bpf_get_current_pid_tgid(), other, 0);
    }
}

/// A named pipe is opened: whoever of several sessions comes first is noted, and met by the others.
#[inline(always)]
pub fn at_pipe(session: u64, pipe: InodeKey, generation: u32) {
    // A number that another pipe has by now is another generation.
    let number = pipe.ino ^ (generation as u64) << 32;
    let first = first_at_pipe(session, number, (pipe.dev as u64) << 32 | pipe.space as u64);
    met(session, first, how::PIPE as u64);
}

/// A function of its own, as those of [`met`]: who looks at opens has no more than 64 bytes left on the stack (512 for all frames; before
/// v6.13 each is rounded up to 32).
#[inline(never)]
fn first_at_pipe(session: u64, ino: u64, place: u64) -> u64 {
    let pipe = InodeKey { ino, dev: (place >> 32) as u32, space: place as u32 };
    if PIPES.insert(pipe, session, BPF_NOEXIST).is_ok() {
        return session;
    }
    // SAFETY: a map value stays allocated while a program runs (RCU).
    if let Some(first) = unsafe { PIPES.get(pipe) }
        && SESSIONS.get_ptr(first).is_some()
    {
        return *first;
    }
    let _ = PIPES.insert(pipe, session, 0); // over
    session
}
