//! Sockets whose data the flow hold would not see.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_socket_cookie, bpf_set_retval},
    macros::{cgroup_sock, fentry, lsm, tracepoint},
    programs::{FEntryContext, LsmContext, SockContext, TracePointContext},
};
use monitor_common::{
    event::{
        kind,
        network::{Socket, outcome},
    },
    loss::Loss,
    policy::{Flow, RAW},
};

use crate::{
    decide::{hold, verdict},
    hooks::flow_table,
    kernel::{
        self,
        abi::{
            AF_PACKET, AF_XDP, ALLOW, IPPROTO_DCCP, IPPROTO_MPTCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP,
            REFUSE, SOCK_RAW,
        },
    },
    maps::ACCESS,
    report::ring,
};

/// `-EPROTONOSUPPORT`: what a kernel without the protocol answers; programs then fall back to TCP.
const UNSUPPORTED: i32 = -93;
/// `SOCK_TYPE_MASK`, include/linux/net.h.
const TYPE_MASK: u32 = 0xf;
/// Arguments of `socket(family, type, protocol)` in its tracepoint's record.
const FAMILY: usize = 16;
const TYPE: usize = 24;
const PROTOCOL: usize = 32;

/// An IPv4 or IPv6 socket is made (net/ipv4/af_inet.c:inet_create). Protocols with several paths under one socket are
/// refused; those without a connect hook are noted here, and their packets held as those of a connection are.
#[cgroup_sock(sock_create)]
pub fn sock_create(ctx: SockContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return ALLOW };
    // SAFETY: the verifier rewrites these to the socket's fields, which this attach type may read.
    let (family, kind, protocol) = unsafe { ((*ctx.sock).family, (*ctx.sock).type_, (*ctx.sock).protocol) };
    // `sk_protocol` has 16 bits (include/net/sock.h).
    match protocol as u16 {
        _ if kind == SOCK_RAW as u32 => note(&ctx, label.session, [family, kind, protocol], RAW),
        IPPROTO_TCP => {
            // So that it has a number when it listens: see `meeting`.
            // SAFETY: the context is what this helper wants.
            unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
            ALLOW
        }
        IPPROTO_UDP => ALLOW,
        IPPROTO_MPTCP | IPPROTO_SCTP | IPPROTO_DCCP => {
            let refuse = !verdict::observes();
            report(ctx.tgid(), label.session, [family, kind, protocol], refused(refuse));
            if refuse {
                // SAFETY: sets the syscall's return value, nothing else.
                unsafe { bpf_set_retval(UNSUPPORTED) };
                return REFUSE;
            }
            ALLOW
        }
        // Among them UDP-Lite, which has no hook at its connect (net/ipv4/udplite.c: no pre_connect).
        protocol_of_flow => note(&ctx, label.session, [family, kind, protocol], protocol_of_flow),
    }
}

/// Raw, ICMP and UDP-Lite sockets: a flow without a destination. Refused where its packets could not be held, though they must be.
#[inline(always)]
fn note(ctx: &SockContext, session: u64, made: [u32; 3], protocol: u16) -> i32 {
    // SAFETY: the context is what this helper wants.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let tgid = ctx.tgid();
    let followed = flow_table::follow(cookie, Flow::new(session, tgid, [0; 16], 0, protocol));
    report(tgid, session, made, if followed { outcome::PASSED } else { refused(true) });
    if followed { ALLOW } else { REFUSE }
}

/// `LSM_HOOK(int, 0, socket_create, int family, int type, int protocol, int kern)` (v6.1–v7.2): packet sockets send below
/// every hook, so a session has none.
#[lsm(hook = "socket_create")]
pub fn socket_create(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 4, |tgid, session| {
        odd(tgid, session, [ctx.arg(0), ctx.arg(1), ctx.arg(2)], ctx.arg::<i32>(3) == 0)
    })
}

/// `int security_socket_create(int family, int type, int protocol, int kern)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_socket_create")]
pub fn security_socket_create(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        odd(ctx.tgid(), label.session, [ctx.arg(0), ctx.arg(1), ctx.arg(2)], false);
    }
    0
}

/// `socket(family, type, protocol)`.
#[tracepoint]
pub fn enter_socket(ctx: TracePointContext) -> u32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    // SAFETY: the arguments are at these offsets in the syscall's sys_enter_* record.
    let arguments =
        unsafe { (ctx.read_at::<u64>(FAMILY), ctx.read_at::<u64>(TYPE), ctx.read_at::<u64>(PROTOCOL)) };
    if let (Ok(family), Ok(kind), Ok(protocol)) = arguments {
        odd(ctx.tgid(), label.session, [family as u32, kind as u32, protocol as u32], false);
    }
    0
}

#[inline(always)]
fn odd(tgid: u32, session: u64, [family, kind, protocol]: [u32; 3], refuse: bool) -> i32 {
    if family != AF_PACKET as u32 && family != AF_XDP as u32 {
        return 0;
    }
    let would = refuse;
    let refuse = refuse && !verdict::observes();
    let outcome = if would { refused(refuse) } else { outcome::PASSED };
    report(tgid, session, [family, kind & TYPE_MASK, protocol], outcome);
    if refuse { hold::EPERM } else { 0 }
}

#[inline(always)]
fn refused(really: bool) -> u32 {
    if really { outcome::REFUSED } else { outcome::WOULD_REFUSE }
}

#[inline(always)]
fn report(tgid: u32, session: u64, [family, kind, protocol]: [u32; 3], outcome: u32) {
    if let Some(mut entry) = ring::reserve::<Socket>(&ACCESS, Loss::Socket, session) {
        let header = entry.header(kind::SOCKET, tgid, session);
        entry.write(Socket { header, family, kind, protocol, outcome });
        entry.submit();
    }
}
