//! Sessions that can hand each other what they have read: by a Unix socket, a TCP port of this machine or a named pipe. What one of them has
//! touched counts for the other from then on, because nobody sees what is said there.
//!
//! Not seen here: datagrams, a listener whose process has ended, what a program outside of every session passes on between two.

use aya_ebpf::{EbpfContext as _, macros::tracepoint, programs::TracePointContext};
use monitor_common::{
    event::{
        kind,
        meeting::{Meeting, how},
    },
    loss::Loss,
    policy::{MET_MAX, Met, Pair, Place},
};

use crate::{
    count, emit, identity,
    kernel::{self, Memory as _, Object, Structure as _, offset},
    maps::{ACCESS, MET, PLACES, SESSIONS, SHARED},
    network, registers, verdict,
};

/// After the common fields (events/syscalls/sys_exit_*/format): the syscall's number, and what it returned.
const SYSCALL: usize = 8;
const RETURN_VALUE: usize = 16;
/// x86-64 syscall number (arch/x86/entry/syscalls/syscall_64.tbl).
const LISTEN: u32 = 50;
/// A connection that is under way.
const EINPROGRESS: i64 = -115;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// include/uapi/linux/bpf.h.
const BPF_NOEXIST: u64 = 1;

/// Exit of `listen(fd, …)` and `connect(fd, …)`: one program, attached to each.
#[tracepoint]
pub fn exit_meeting(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    // SAFETY: the number and the return value are at these offsets in every sys_exit_* record.
    let (Ok(syscall), Ok(result)) =
        (unsafe { (ctx.read_at::<u32>(SYSCALL), ctx.read_at::<i64>(RETURN_VALUE)) })
    else {
        count::lost(Loss::Read, label.session);
        return 0;
    };
    if result != 0 && result != EINPROGRESS {
        return 0;
    }
    let seen = socket().and_then(|sock| {
        if syscall == LISTEN { listens(label.session, sock) } else { connects(label.session, sock) }
    });
    if seen.is_none() {
        count::lost(Loss::Read, label.session); // closed by another thread in this instant
    }
    0
}

/// The socket that the syscall's first argument names.
#[inline(always)]
fn socket() -> Option<Object> {
    kernel::descriptor(registers::argument(0)?)?
        .follow(offset!(file_private_data))?
        .follow(offset!(socket_sk))
}

/// Notes whose port it is.
#[inline(always)]
fn listens(session: u64, sock: Object) -> Option<()> {
    let family = sock.read::<u16>(offset!(sock_family))?;
    if family == AF_INET || family == AF_INET6 {
        let port: u16 = sock.read(offset!(sock_local_port))?;
        // Where there is no room the oldest makes some (LRU).
        let _ = PLACES.insert(port_of(sock, port)?, session, 0);
    }
    Some(())
}

#[inline(always)]
fn connects(session: u64, sock: Object) -> Option<()> {
    let family = sock.read::<u16>(offset!(sock_family))?;
    if family == AF_UNIX {
        // Who called listen(2) (net/unix/af_unix.c:copy_peercred, v6.1–v6.18); nobody of a datagram socket.
        let Some(peer) = sock.follow(offset!(sock_peer_pid)) else { return Some(()) };
        // The first number is that of the initial namespace (include/linux/pid.h).
        if let Some(label) = kernel::label(peer.read(offset!(pid_numbers))?) {
            met(session, label.session, how::UNIX_SOCKET as u64);
        }
        return Some(());
    }
    if (family != AF_INET && family != AF_INET6)
        || sock.read::<u16>(offset!(sock_protocol))? != network::IPPROTO_TCP
        || !stays_here(family, sock)?
    {
        return Some(());
    }
    let port = u16::from_be(sock.read(offset!(sock_port))?);
    // SAFETY: copied out at once.
    if let Some(other) = unsafe { PLACES.get(port_of(sock, port)?) }.copied() {
        met(session, other, how::PORT as u64);
    }
    Some(())
}

/// Whether a connection's other end is on this machine: at a loopback address, or at the one that it comes from.
#[inline(always)]
fn stays_here(family: u16, sock: Object) -> Option<bool> {
    let (own, to) = if family == AF_INET {
        (network::mapped(sock.read(offset!(sock_own4))?), network::mapped(sock.read(offset!(sock_address4))?))
    } else {
        (sock.read(offset!(sock_own6))?, sock.read(offset!(sock_address6))?)
    };
    Some(own == to || network::is_local(&own) || network::is_local(&to))
}

#[inline(always)]
fn port_of(sock: Object, port: u16) -> Option<Place> {
    let net = sock.follow(offset!(sock_net))?;
    Some(Place { of: net.read(offset!(net_cookie))?, dev: 0, number: port as u32 })
}

/// A named pipe is opened: whoever of several sessions comes first is noted, and met by the others.
#[inline(always)]
pub fn at_pipe(session: u64, inode: u64) {
    let first = first_at_pipe(session, inode);
    if first != session {
        met(session, first, how::PIPE as u64);
    }
}

/// A function of its own, as [`met`]: who looks at opens has no more than 64 bytes left on the stack (512 for all frames; before v6.13
/// each is rounded up to 32).
#[inline(never)]
fn first_at_pipe(session: u64, inode: u64) -> u64 {
    let Some(key) = identity::of_inode(Object(inode as *const u8)) else {
        count::lost(Loss::Read, session);
        return session;
    };
    let place = Place { of: key.ino, dev: key.dev, number: key.space };
    if PLACES.insert(place, session, BPF_NOEXIST).is_ok() {
        return session;
    }
    // SAFETY: copied out at once.
    let first = unsafe { PLACES.get(place) }.copied().unwrap_or(session);
    if SESSIONS.get_ptr(first).is_none() {
        let _ = PLACES.insert(place, session, 0); // over
        return session;
    }
    first
}

/// Each of the two counts as having touched what the other has.
#[inline(never)]
fn met(session: u64, other: u64, how: u64) -> u64 {
    if other == session || SESSIONS.get_ptr(other).is_none() {
        return 0;
    }
    let (own, others) = (share(session, other), share(other, session));
    if own == NOTHING_NEW && others == NOTHING_NEW {
        return 0;
    }
    let tgid = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(mut entry) = emit::reserve::<Meeting>(&ACCESS, Loss::Meeting, session) {
        let header = entry.header(kind::MEETING, tgid, session);
        entry.write(Meeting {
            header,
            other,
            touch: touch(own),
            other_touch: touch(others),
            how: how as u32,
            reserved: 0,
        });
        entry.submit();
    } else {
        count::lost(Loss::Meeting, other);
    }
    0
}

/// What [`share`] gives for two that have met before, and have touched nothing since.
const NOTHING_NEW: u64 = u64::MAX;

#[inline(always)]
fn touch(shared: u64) -> u64 {
    if shared == NOTHING_NEW { 0 } else { shared }
}

/// The number of the touch that a meeting is to a session; 0: none that rules care about.
#[inline(always)]
fn share(to: u64, from: u64) -> u64 {
    let pair = Pair { to, from };
    let touched = verdict::touched(from);
    // SAFETY: copied out at once.
    let known = unsafe { SHARED.get(pair) }.copied();
    let news = touched & !known.unwrap_or(0);
    if news == 0 && known.is_some() {
        return NOTHING_NEW;
    }
    let _ = SHARED.insert(pair, touched, 0);
    if known.is_none() {
        remember(to, from);
    }
    verdict::share(to, news)
}

/// Whom a session has met, so that what it touches later makes them ask again.
#[inline(always)]
fn remember(session: u64, other: u64) {
    let Some(met) = MET.get_ptr_mut(session) else {
        count::lost(Loss::Meeting, session); // the daemon makes the entry with the session's
        return;
    };
    // SAFETY: a map value stays allocated while a program runs (RCU). Two at once: one of them is overwritten, and asks again when it
    // meets anew.
    unsafe {
        let place = (*met).written as usize & (MET_MAX - 1);
        (&raw mut (*met).sessions).cast::<u64>().add(place).write(other);
        (*met).written += 1;
    }
}

/// A session has touched something: what those that it has met send is asked about again, once the daemon has judged it.
#[inline(never)]
pub fn renew(session: u64) -> u64 {
    let Some(met) = MET.get_ptr(session) else { return 0 };
    for place in 0..MET_MAX {
        // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads within the array.
        let other = unsafe { (&raw const (*met).sessions).cast::<u64>().add(place).read() };
        if other != 0 {
            verdict::renew(other);
        }
    }
    0
}
