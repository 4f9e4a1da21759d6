//! Where the kernel asks its security modules: nothing keeps these programs from running. One at the exit of a syscall is left out
//! where another program or a map call of user space is under way on that processor (kernel/trace/bpf_trace.c:trace_call_bpf), and on a
//! preemptible kernel that may be somebody else's, for as long as that one is off the processor.
//!
//! A program of LSM has no such guard. One at the entry of a function is left out only while it runs itself, and at
//! `security_sock_graft` it cannot be interrupted by another process: the caller holds `sk_callback_lock`.
//!
//! They see io_uring's and 32-bit programs' calls too.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, lsm},
    programs::{FEntryContext, LsmContext},
};
use monitor_common::loss::Loss;

use super::{listens, peer};
use crate::{
    kernel::{self, Memory as _, Object, Structure as _, abi::AF_UNIX, offset},
    report::lost,
};

/// `LSM_HOOK(void, LSM_RET_VOID, sock_graft, struct sock *sk, struct socket *parent)` (v6.1–v7.2): a connection was accepted
/// (net/ipv4/af_inet.c:__inet_accept, net/unix/af_unix.c:unix_accept), in the process that accepts.
#[lsm(hook = "sock_graft")]
pub fn sock_graft(ctx: LsmContext) -> i32 {
    grafted(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    0
}

/// `void security_sock_graft(struct sock *sk, struct socket *parent)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_sock_graft")]
pub fn security_sock_graft(ctx: FEntryContext) -> i32 {
    grafted(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    0
}

/// `LSM_HOOK(int, 0, socket_listen, struct socket *sock, int backlog)` (v6.1–v7.2).
#[lsm(hook = "socket_listen")]
pub fn socket_listen(ctx: LsmContext) -> i32 {
    serves(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    ctx.arg(2)
}

/// `int security_socket_listen(struct socket *sock, int backlog)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_socket_listen")]
pub fn security_socket_listen(ctx: FEntryContext) -> i32 {
    serves(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    0
}

/// `LSM_HOOK(int, 0, socket_accept, struct socket *sock, struct socket *newsock)` (v6.1–v7.2): somebody waits for a connection, and so
/// serves what listens there, also where somebody else began to.
#[lsm(hook = "socket_accept")]
pub fn socket_accept(ctx: LsmContext) -> i32 {
    serves(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    ctx.arg(2)
}

/// `int security_socket_accept(struct socket *sock, struct socket *newsock)`, security/security.c (v6.1–v7.2).
#[fentry(function = "security_socket_accept")]
pub fn security_socket_accept(ctx: FEntryContext) -> i32 {
    serves(ctx.tgid(), Object(ctx.arg::<*const u8>(0)));
    0
}

/// Of a Unix socket, who connected.
#[inline(always)]
fn grafted(tgid: u32, sock: Object) {
    let Some(label) = kernel::label(tgid) else { return };
    let seen = match sock.read::<u16>(offset!(sock_family)) {
        Some(AF_UNIX) => peer(label.session, sock),
        other => other.map(drop),
    };
    if seen.is_none() {
        lost::count(Loss::Read, label.session);
    }
}

/// Of TCP, who listens; `listen` may still fail, and then nobody finds the socket by its port.
#[inline(always)]
fn serves(tgid: u32, socket: Object) {
    let Some(label) = kernel::label(tgid) else { return };
    let seen = socket.follow(offset!(socket_sk)).and_then(|sock| listens(label.session, sock));
    if seen.is_none() {
        lost::count(Loss::Read, label.session);
    }
}
