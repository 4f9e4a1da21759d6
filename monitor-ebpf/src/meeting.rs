//! Sessions that can hand each other what they have read: by a Unix socket, a TCP port of this machine or a named pipe. What one of them has
//! touched counts for the other from then on, because nobody sees what is said there.
//!
//! Of a TCP port the connect's hook asks the kernel who listens there, so it sees every way to connect. Of a Unix socket both sides are
//! looked at, at the exits of `connect` and `accept`: one of them is enough.
//!
//! Not seen here: datagrams, what a 32-bit program listens on or accepts, what a program outside of every session passes on between two.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{bpf_sk_lookup_tcp, bpf_sk_release, bpf_skc_to_tcp_sock},
    },
    macros::tracepoint,
    programs::{SockAddrContext, TracePointContext},
};
use monitor_common::{
    event::{
        kind,
        meeting::{Meeting, how},
    },
    loss::Loss,
    policy::{InodeKey, MET_MAX, Met, Pair},
};

use crate::{
    abi::{AF_INET, AF_INET6, AF_UNIX, IPPROTO_TCP, S_IFMT, S_IFSOCK},
    atomic,
    count::{self, NOBODY},
    emit,
    kernel::{self, Memory as _, Object, Structure as _, Typed, offset},
    maps::{ACCESS, CANDIDATES, LISTENERS, MET, PIPES, SESSIONS, SHARED},
    network,
    registers::{self, Returned},
    verdict,
};

/// x86-64 syscall numbers (arch/x86/entry/syscalls/syscall_64.tbl).
const CONNECT: u32 = 42;
const LISTEN: u32 = 50;
/// A connection that is under way (include/uapi/asm-generic/errno*.h, include/linux/errno.h).
const UNDER_WAY: [i64; 3] = [-115, -4, -512];
/// include/uapi/linux/bpf.h.
const BPF_NOEXIST: u64 = 1;
/// `BPF_F_CURRENT_NETNS`: the socket's own network namespace.
const OWN_NAMESPACE: u64 = u64::MAX;
/// include/net/tcp_states.h.
const TCP_LISTEN: u32 = 10;

/// Exit of `listen(fd, …)`, `connect(fd, …)`, `accept(fd, …)` and `accept4(fd, …)`: one program, attached to each.
#[tracepoint]
pub fn exit_meeting(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let Some(Returned { syscall, result }) = registers::returned(&ctx) else {
        count::lost(Loss::Read, label.session);
        return 0;
    };
    let seen = match syscall {
        LISTEN if result == 0 => socket(registers::argument(0)).and_then(|sock| listens(label.session, sock)),
        LISTEN => Some(()),
        CONNECT => connected(label.session, result),
        _ if result >= 0 => socket(Some(result as u64)).and_then(|sock| accepted(label.session, sock)),
        _ => Some(()),
    };
    if seen.is_none() {
        count::lost(Loss::Read, label.session); // closed by another thread in this instant
    }
    0
}

/// The socket of a descriptor.
#[inline(always)]
fn socket(descriptor: Option<u64>) -> Option<Object> {
    let file = kernel::descriptor(descriptor?)?;
    if file.follow(offset!(file_inode))?.read::<u16>(offset!(inode_mode))? & S_IFMT != S_IFSOCK {
        return None;
    }
    file.follow(offset!(file_private_data))?.follow(offset!(socket_sk))
}

/// Notes who listens.
#[inline(always)]
fn listens(session: u64, sock: Object) -> Option<()> {
    if is_tcp(sock)? {
        let (cookie, device): (u64, u32) =
            (sock.read(offset!(sock_cookie))?, sock.read(offset!(sock_device))?);
        if cookie == 0 || device != 0 {
            // Older than the session, so nobody gave it a number; or at one device only, where a look-up without one does not see it.
            count::lost(Loss::Meeting, session);
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
    match socket(registers::argument(0)) {
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
    let sock = socket(registers::argument(0))?;
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
    let candidate = unsafe { CANDIDATES.get(thread) }.copied().unwrap_or(NOBODY);
    let _ = CANDIDATES.remove(thread);
    candidate
}

/// Who called listen(2), or who connected (net/unix/af_unix.c:copy_peercred, init_peercred, v6.1–v6.18); nobody of a datagram socket.
#[inline(always)]
fn peer(session: u64, sock: Object) -> Option<()> {
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
    let _ = CANDIDATES.remove(bpf_get_current_pid_tgid()); // of a connect whose exit nobody saw
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

const ANY4: [u8; 16] = network::mapped([0; 4]);

/// Loopback, or no address at all: then the kernel takes loopback.
#[inline(always)]
fn is_own_loopback(address: &[u8; 16]) -> bool {
    *address == [0; 16] || *address == ANY4 || network::is_local(address)
}

struct Listener {
    session: u64,
    /// And not at every address.
    at_this_address: bool,
}

/// Who listens there, in the network namespace of the socket that asks.
#[inline(always)]
fn listener(ctx: &SockAddrContext, address: [u8; 16], port: u16) -> Option<Listener> {
    let ([_, _, _, _, _, _, _, _, _, _, .., a, b, c, d], is_any) =
        (address, address == [0; 16] || address == ANY4);
    let is_v4 = address == network::mapped([a, b, c, d]);
    // `struct bpf_sock_tuple`: from where, whither, from which port, to which port, in network order.
    let mut tuple = [0u32; 9];
    let size = if is_v4 {
        tuple[1] = if is_any { u32::from_ne_bytes([127, 0, 0, 1]) } else { u32::from_ne_bytes([a, b, c, d]) };
        tuple[2] = (port.to_be() as u32) << 16;
        12
    } else {
        let words: [[u8; 4]; 4] = [
            [address[0], address[1], address[2], address[3]],
            [address[4], address[5], address[6], address[7]],
            [address[8], address[9], address[10], address[11]],
            [a, b, c, d],
        ];
        for (i, word) in words.iter().enumerate() {
            tuple[4 + i] = u32::from_ne_bytes(*word);
        }
        if is_any {
            tuple[7] = 1u32.to_be();
        }
        tuple[8] = (port.to_be() as u32) << 16;
        36
    };
    // SAFETY: the context and the tuple are what the helpers want; the socket is given back before this returns.
    let (cookie, at_this_address) = unsafe {
        let found = bpf_sk_lookup_tcp(ctx.as_ptr(), (&raw mut tuple).cast(), size, OWN_NAMESPACE, 0);
        if found.is_null() {
            return None;
        }
        let mut cookie = 0;
        let own = &raw const (*found).src_ip6;
        let bound = (*found).src_ip4 | (*own)[0] | (*own)[1] | (*own)[2] | (*own)[3];
        if (*found).state == TCP_LISTEN {
            let sock = bpf_skc_to_tcp_sock(found.cast::<c_void>());
            if !sock.is_null() {
                cookie = Typed(sock.cast()).read::<u64>(offset!(sock_cookie)).unwrap_or(0);
            }
        }
        bpf_sk_release(found.cast());
        (cookie, bound != 0)
    };
    if cookie == 0 {
        return None; // no session's
    }
    // SAFETY: copied out at once.
    let session = unsafe { LISTENERS.get(cookie) }.copied()?;
    Some(Listener { session, at_this_address })
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

/// Each of the two counts as having touched what the other has. Functions one after another, as [`first_at_pipe`] says why.
#[inline(always)]
fn met(session: u64, other: u64, how: u64) {
    if other == session {
        return;
    }
    let known = remember(session, other);
    if known != OVER {
        let is_new = (remember(other, session) == NEW) | (known == NEW);
        exchange(session, other, how, is_new as u64);
    }
}

/// What [`remember`] returns.
const OVER: u64 = 0;
const KNOWN: u64 = 1;
const NEW: u64 = 2;

#[inline(never)]
fn exchange(session: u64, other: u64, how: u64, is_new: u64) -> u64 {
    // Both before either is told, so that nobody gets back what it gave.
    let (mine, theirs) = (verdict::touched(session), verdict::touched(other));
    let (own, others) = (share(session, other, theirs, mine), share(other, session, mine, theirs));
    if own == NOTHING_NEW && others == NOTHING_NEW && is_new == 0 {
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

/// The number of the touch that a meeting is to a session; 0: none that rules care about. What it `gave` the other one has from it.
#[inline(always)]
fn share(to: u64, from: u64, touched: u64, gave: u64) -> u64 {
    let pair = Pair { to, from };
    // SAFETY: copied out at once.
    let known = unsafe { SHARED.get(pair) }.copied();
    let news = touched & !known.unwrap_or(0);
    if news == 0 && known.is_some() {
        return NOTHING_NEW;
    }
    let _ = SHARED.insert(pair, touched | gave, 0);
    verdict::share(to, news)
}

/// Notes whom a session has met, so that what it touches later makes them ask again. A place of its own for each CPU that notes at the
/// same time; those of sessions that are over first, then the oldest.
#[inline(never)]
fn remember(session: u64, other: u64) -> u64 {
    if SESSIONS.get_ptr(other).is_none() {
        return OVER;
    }
    let Some(met) = MET.get_ptr_mut(session) else {
        count::lost(Loss::Meeting, session); // the daemon makes the entry with the session's
        return KNOWN;
    };
    for place in 0..MET_MAX {
        if at(met, place) == other {
            return KNOWN;
        }
    }
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned, and the mask keeps it within the array.
    unsafe {
        let mut place = 0;
        // Once round, and one further: the next one then takes the place after.
        for _ in 0..=MET_MAX {
            place = (atomic::increment(&raw mut (*met).written) - 1) as usize & (MET_MAX - 1);
            if SESSIONS.get_ptr(at(met, place)).is_none() {
                break;
            }
        }
        (&raw mut (*met).sessions).cast::<u64>().add(place & (MET_MAX - 1)).write(other);
    }
    NEW
}

/// Whom the session met at this place; 0: nobody.
#[inline(always)]
fn at(met: *const Met, place: usize) -> u64 {
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned read within the array.
    unsafe { (&raw const (*met).sessions).cast::<u64>().add(place & (MET_MAX - 1)).read() }
}

/// A session has touched something: what those that it has met send is asked about again, once the daemon has judged it.
#[inline(never)]
pub fn renew(session: u64) -> u64 {
    let Some(met) = MET.get_ptr(session) else { return 0 };
    for place in 0..MET_MAX {
        let other = at(met, place);
        if other != 0 {
            verdict::renew(other);
        }
    }
    0
}
