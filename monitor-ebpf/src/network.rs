//! Connections of labelled processes: noted by socket cookie, refused where the verdict table says so.

use aya_ebpf::{
    EbpfContext,
    bindings::bpf_sock_addr,
    helpers::generated::{bpf_get_socket_cookie, bpf_set_retval},
    macros::{cgroup_sock, cgroup_sock_addr, fentry, lsm, tracepoint},
    programs::{FEntryContext, LsmContext, SockAddrContext, SockContext, TracePointContext},
};
use monitor_common::{
    event::{
        Header, kind,
        network::{Connect, FlowClosed, outcome},
    },
    label::FLOWS_OF_SESSION,
    loss::Loss,
    policy::{FLOW_DENIED, Flow},
};

use crate::{
    abi::{IPPROTO_TCP, IPPROTO_UDP},
    atomic, count, delegate, emit, handshake, hold,
    kernel::{self, Object},
    maps::{ACCESS, FLOW_NAMES, FLOWS, TAINTS, VERDICTS},
    meeting, verdict,
};

pub const ALLOW: i32 = 1;
pub const REFUSE: i32 = 0;
pub const DNS_PORT: u16 = 53;

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    connect(&ctx, address4(ctx.sock_addr))
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    connect(&ctx, address6(ctx.sock_addr))
}

/// Runs for every datagram of an unconnected socket.
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    send(&ctx, address4(ctx.sock_addr))
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    send(&ctx, address6(ctx.sock_addr))
}

/// `connect(fd, uservaddr, addrlen)`: stops a caller whose session is frozen and that somebody continued, or whose
/// handshake must wait; and Unix sockets, which have no hook of their own on this backend.
#[tracepoint]
pub fn enter_connect(ctx: TracePointContext) -> u32 {
    if let Some(label) = kernel::label(ctx.tgid())
        && !kernel::stop_if_frozen(label.session)
    {
        handshake::entered(&ctx, label.session);
    }
    delegate::entered(&ctx);
    0
}

/// `int security_socket_connect(struct socket *sock, struct sockaddr *address, int addrlen)`, security/security.c
/// (v6.1–v7.2): the same where there is fentry.
#[fentry(function = "security_socket_connect")]
pub fn security_socket_connect(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid())
        && !kernel::stop_if_frozen(label.session)
    {
        handshake::begins(
            ctx.tgid(),
            label.session,
            Object(ctx.arg::<*const u8>(0)),
            Object(ctx.arg::<*const u8>(1)),
        );
    }
    0
}

/// `LSM_HOOK(int, 0, socket_connect, struct socket *sock, struct sockaddr *address, int addrlen)` (v6.1–v7.2): the same,
/// before anything of the connect has happened.
#[lsm(hook = "socket_connect")]
pub fn socket_connect(ctx: LsmContext) -> i32 {
    hold::gate(&ctx, 3, |tgid, session| match hold::frozen(session) {
        Some(stopped) => stopped.code,
        None => {
            handshake::gate(tgid, session, Object(ctx.arg::<*const u8>(0)), Object(ctx.arg::<*const u8>(1)))
        }
    })
}

#[inline(always)]
fn connect(ctx: &SockAddrContext, address: [u8; 16]) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return ALLOW };
    if kernel::is_frozen(label.session) {
        return restart();
    }
    match handshake::late(ctx, label.session, address, remote_port(ctx.sock_addr)) {
        0 => {
            // SAFETY: the verifier rewrites this to the socket's own field.
            if unsafe { (*ctx.sock_addr).protocol } == IPPROTO_TCP as u32 {
                meeting::asks_for(ctx, label.session, address, remote_port(ctx.sock_addr));
            }
            note(ctx, label.session, address)
        }
        hold::RESTART => restart(),
        _ => REFUSE,
    }
}

/// The caller was signalled at the syscall's entry (this program type has no such helper before v6.14), so it stops on its
/// way out, and the kernel restarts the connect when it is continued.
#[inline(always)]
fn restart() -> i32 {
    // SAFETY: sets the syscall's return value, nothing else.
    unsafe { bpf_set_retval(hold::RESTART) };
    REFUSE
}

#[inline(always)]
fn send(ctx: &SockAddrContext, address: [u8; 16]) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return sent_by_a_person(ctx) };
    note_resolver(ctx, label.session);
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    if let Some(flow) = FLOWS.get_ptr(cookie) {
        // SAFETY: a map value stays allocated while a program runs (RCU); a stale read means one more report.
        let (known, port, session) = unsafe { ((*flow).address, (*flow).port, (*flow).session) };
        if session == count::NOBODY {
            return ALLOW; // theirs
        }
        if known == address && port == remote_port(ctx.sock_addr) {
            return ALLOW;
        }
    }
    note(ctx, label.session, address)
}

/// Somebody without a label sends on a socket that a session has noted: it has it from them, or they from it. Who sends what can't be
/// told apart there, and a person's own program must not be stopped: fails open, and says so.
#[inline(always)]
fn sent_by_a_person(ctx: &SockAddrContext) -> i32 {
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let Some(flow) = FLOWS.get_ptr_mut(cookie) else { return ALLOW };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned fields.
    let Flow { session, tgid, address, port, protocol, .. } = unsafe { *flow };
    if session != count::NOBODY {
        // SAFETY: as above.
        unsafe { (*flow).session = count::NOBODY };
        give_place_back(session);
        let outcome = outcome::SHARED;
        tell(tgid, session, |header| Connect { header, cookie, address, port, protocol, outcome });
    }
    ALLOW
}

/// A process of the session answers from port 53: before its first answer arrives, so that nothing is learned from one.
#[inline(always)]
fn note_resolver(ctx: &SockAddrContext, session: u64) {
    // SAFETY: the verifier checks the pointer, and rewrites the load to the socket's own field (host byte order).
    let answers = unsafe {
        let socket = (*ctx.sock_addr).__bindgen_anon_1.sk;
        !socket.is_null() && (*socket).src_port == DNS_PORT as u32
    };
    if answers && let Some(state) = TAINTS.get_ptr_mut(session) {
        // SAFETY: a map value stays allocated while a program runs (RCU); an aligned write of a constant.
        unsafe { (*state).resolves = 1 };
    }
}

/// Notes the flow and reports it, or refuses it.
#[inline(always)]
fn note(ctx: &SockAddrContext, session: u64, address: [u8; 16]) -> i32 {
    // SAFETY: the context is what this helper wants, and its fields may be read.
    let (cookie, protocol) =
        unsafe { (bpf_get_socket_cookie(ctx.as_ptr()), (*ctx.sock_addr).protocol as u16) };
    let port = remote_port(ctx.sock_addr);
    let observe = verdict::policy().is_some_and(|policy| policy.observe != 0);
    let outcome = match (verdict::refuses(&address, port), observe) {
        (false, _) => outcome::PASSED,
        (true, true) => outcome::WOULD_REFUSE,
        (true, false) => outcome::REFUSED,
    };
    let flow = Flow::new(session, ctx.tgid(), address, port, protocol);
    // A new connection on an old socket is a new question, and has another name.
    let _ = VERDICTS.remove(cookie);
    let _ = FLOW_NAMES.remove(cookie);
    if outcome != outcome::REFUSED && !follow(cookie, flow) {
        return REFUSE;
    }
    tell(ctx.tgid(), session, |header| Connect { header, cookie, address, port, protocol, outcome });
    if outcome == outcome::REFUSED { REFUSE } else { ALLOW }
}

/// Notes a flow. Where there is no room, in the table or in the session's part of it, it fails closed: false. Nobody could hold its
/// data, now or when a secret has been touched. Where nothing is held anyway, the session counts as incomplete.
#[inline(always)]
pub fn follow(cookie: u64, flow: Flow) -> bool {
    let is_new = FLOWS.get_ptr(cookie).is_none();
    if !is_new || take_place(flow.session) {
        if FLOWS.insert(cookie, flow, 0).is_ok() {
            return true;
        }
        if is_new {
            give_place_back(flow.session);
        }
    }
    let goes_on = verdict::observes();
    count::lost(Loss::Flow, if goes_on { flow.session } else { count::NOBODY });
    goes_on
}

/// Counts a connection of the session; false where it has as many as a session may.
#[inline(always)]
fn take_place(session: u64) -> bool {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return true };
    // SAFETY: a map value stays allocated while a program runs (RCU); the field is aligned. Two CPUs at the limit: one too many.
    unsafe {
        if (*state).flows >= FLOWS_OF_SESSION {
            return false;
        }
        atomic::increment(&raw mut (*state).flows);
    }
    true
}

#[inline(always)]
fn give_place_back(session: u64) {
    let Some(state) = TAINTS.get_ptr_mut(session) else { return };
    // SAFETY: as above. The daemon's own entries were never counted, so it stops at nothing.
    unsafe {
        if (*state).flows != 0 {
            atomic::decrement(&raw mut (*state).flows);
        }
    }
}

#[inline(always)]
pub fn tell(tgid: u32, session: u64, connect: impl FnOnce(Header) -> Connect) {
    if let Some(mut entry) = emit::reserve::<Connect>(&ACCESS, Loss::Connect, session) {
        entry.write(connect(entry.header(kind::CONNECT, tgid, session)));
        entry.submit();
    }
}

/// The last descriptor of a socket is closed (net/ipv4/af_inet.c:inet_release, since v5.9). Data that is still queued
/// would be sent by the kernel all the same, so what has not been let through stays noted, and held.
#[cgroup_sock(sock_release)]
pub fn sock_release(ctx: SockContext) -> i32 {
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let Some(flow) = FLOWS.get_ptr_mut(cookie) else { return ALLOW };
    // SAFETY: a map value stays allocated while a program runs (RCU).
    let flow = unsafe { &mut *flow };
    let (session, tgid, asked, greeting) = (flow.session, flow.tgid, flow.asked, flow.greeting);
    let stays = must_stay(cookie, flow);
    if stays {
        flow.closed = 1;
    } else {
        if FLOWS.remove(cookie).is_ok() {
            give_place_back(session);
        }
        let _ = VERDICTS.remove(cookie);
        let _ = FLOW_NAMES.remove(cookie);
    }
    if (stays || asked != 0 || greeting != 0)
        && let Some(mut entry) = emit::reserve::<FlowClosed>(&ACCESS, Loss::FlowAsk, session)
    {
        entry.write(FlowClosed { header: entry.header(kind::FLOW_CLOSED, tgid, session), cookie });
        entry.submit();
    }
    ALLOW
}

/// Whether data may still wait in a closed socket. Also where nobody was asked yet: the congestion window may have been
/// full. A datagram never waits.
#[inline(always)]
fn must_stay(cookie: u64, flow: &Flow) -> bool {
    if !is_stream(flow) || flow.port == DNS_PORT {
        return false;
    }
    let decided = verdict::of_flow(cookie, flow);
    if decided.is_some_and(|decided| decided.verdict == FLOW_DENIED) {
        return true;
    }
    let Some(gate) = verdict::gate(flow.session) else { return false };
    gate.closed && decided.is_none_or(|decided| decided.generation != gate.generation)
}

#[inline(always)]
fn remote_port(address: *const bpf_sock_addr) -> u16 {
    // SAFETY: the verifier rewrites this to the socket address the caller passed in.
    u16::from_be(unsafe { (*address).user_port } as u16)
}

#[inline(always)]
fn address4(address: *const bpf_sock_addr) -> [u8; 16] {
    // SAFETY: as in `remote_port`.
    let [a, b, c, d] = unsafe { (*address).user_ip4 }.to_ne_bytes();
    mapped([a, b, c, d])
}

/// `::ffff:a.b.c.d`
#[inline(always)]
pub const fn mapped([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

#[inline(always)]
fn address6(address: *const bpf_sock_addr) -> [u8; 16] {
    // SAFETY: as in `remote_port`.
    let words = unsafe {
        let ip6 = &raw const (*address).user_ip6;
        [(*ip6)[0], (*ip6)[1], (*ip6)[2], (*ip6)[3]]
    };
    let mut bytes = [0; 16];
    for (i, word) in words.iter().enumerate() {
        let [a, b, c, d] = word.to_ne_bytes();
        bytes[i * 4] = a;
        bytes[i * 4 + 1] = b;
        bytes[i * 4 + 2] = c;
        bytes[i * 4 + 3] = d;
    }
    bytes
}

/// Loopback, a multicast group, or IPv4's broadcast to this link.
#[inline(always)]
pub fn is_local(address: &[u8; 16]) -> bool {
    let [first, .., a, b, c, d] = *address;
    if first == 0xff {
        return true;
    }
    let loopback6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    if *address == loopback6 {
        return true;
    }
    let is_group = a == 127 || a & 0xf0 == 224 || (a, b, c, d) == (255, 255, 255, 255);
    is_group && *address == mapped([a, b, c, d])
}

/// Whether a flow is a stream: its handshake may pass, its data waits.
#[inline(always)]
pub fn is_stream(flow: &Flow) -> bool {
    flow.protocol == IPPROTO_TCP
}

/// Whether a flow is of datagrams, whose destination each of them has anew.
#[inline(always)]
pub fn is_datagrams(flow: &Flow) -> bool {
    flow.protocol == IPPROTO_UDP
}
