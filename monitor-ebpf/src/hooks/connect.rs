//! Connections of labelled processes: noted by socket cookie, refused where the verdict table says so.

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_socket_cookie, bpf_set_retval},
    macros::{cgroup_sock, cgroup_sock_addr, fentry, lsm, tracepoint},
    programs::{FEntryContext, LsmContext, SockAddrContext, SockContext, TracePointContext},
};
use monitor_common::{
    event::{
        kind,
        network::{Connect, FlowClosed, outcome},
    },
    loss::Loss,
    policy::{CLOSED_HELD, CLOSED_SENDING, FLOW_DENIED, Flow, SIGN_HELD},
};

use crate::{
    decide::{hold, verdict},
    hooks::{flow_table, handshake, meeting, sent, unix_connect},
    kernel::{
        self, Object,
        abi::{ALLOW, IPPROTO_TCP, REFUSE},
        net::{self, DNS_PORT, address4, address6, remote_port},
    },
    maps::{ACCESS, FLOW_NAMES, FLOWS, TAINTS, VERDICTS},
    report::{connect, lost, ring},
};

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
    unix_connect::entered(&ctx);
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
    hold::for_labelled(&ctx, 3, |tgid, session| match hold::frozen(session) {
        Some(stopped) => stopped.code,
        None => handshake::check_connect(
            tgid,
            session,
            Object(ctx.arg::<*const u8>(0)),
            Object(ctx.arg::<*const u8>(1)),
        ),
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
        if session == lost::NOBODY {
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
    if session != lost::NOBODY {
        // SAFETY: as above.
        unsafe { (*flow).session = lost::NOBODY };
        flow_table::give_place_back(session);
        let outcome = outcome::SHARED;
        connect::report(tgid, session, |header| Connect { header, cookie, address, port, protocol, outcome });
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
    if outcome != outcome::REFUSED && !flow_table::follow(cookie, flow) {
        return REFUSE;
    }
    connect::report(ctx.tgid(), session, |header| Connect {
        header,
        cookie,
        address,
        port,
        protocol,
        outcome,
    });
    if outcome == outcome::REFUSED { REFUSE } else { ALLOW }
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
    // What never asked was never held, and is not counted.
    let counted = asked != 0 && verdict::of_flow(cookie, flow).is_some_and(|decided| decided.counted != 0);
    if stays {
        (flow.closed, flow.asked_size) = (CLOSED_HELD, 0);
        if counted {
            sent::end(cookie, SIGN_HELD);
        }
    // SAFETY: the verifier checks the pointer, and rewrites the load to the socket's own field.
    } else if counted && sent::drains(cookie, flow, unsafe { (*ctx.sock).state }) {
        (flow.closed, flow.asked_size) = (CLOSED_SENDING, 0);
    } else {
        if FLOWS.remove(cookie).is_ok() {
            flow_table::give_place_back(session);
        }
        let _ = VERDICTS.remove(cookie);
        let _ = FLOW_NAMES.remove(cookie);
    }
    if (stays || asked != 0 || greeting != 0)
        && let Some(mut entry) = ring::reserve::<FlowClosed>(&ACCESS, Loss::FlowAsk, session)
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
    if !net::is_stream(flow) || flow.port == DNS_PORT {
        return false;
    }
    let decided = verdict::of_flow(cookie, flow);
    if decided.is_some_and(|decided| decided.verdict == FLOW_DENIED) {
        return true;
    }
    let Some(gate) = verdict::gate(flow.session) else { return false };
    gate.closed && decided.is_none_or(|decided| decided.generation != gate.generation)
}
