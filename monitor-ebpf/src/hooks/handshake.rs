//! Connects that wait before their handshake, where a rule wants that. All others wait before their first data.
//!
//! With LSM one hook asks and answers. Elsewhere the caller is stopped and the daemon asked at the syscall's entry, and
//! `connect4` and `connect6` see to it that nothing happens before there is an answer.

use aya_ebpf::{
    EbpfContext as _,
    helpers::bpf_get_current_pid_tgid,
    programs::{SockAddrContext, TracePointContext},
};
use monitor_common::{
    event::{
        network::{Connect, outcome},
        state,
    },
    policy::{AnswerKey, Remote, VERDICT_ALLOW},
};

use crate::{
    decide::{
        hold::{self, Decision},
        verdict,
    },
    kernel::{
        self, Memory, Object,
        abi::{AF_INET, AF_INET6, IPPROTO_TCP},
        net, offset,
    },
    maps::HANDSHAKES,
    report::connect,
};

/// include/linux/net.h.
const SOCK_STREAM: i16 = 1;
const SS_UNCONNECTED: u32 = 1;
/// `offsetof` in `struct sockaddr_in` and `struct sockaddr_in6`, include/uapi/linux/in.h and in6.h.
const PORT: usize = 2;
const ADDRESS4: usize = 4;
const ADDRESS6: usize = 8;
/// Arguments of `connect(fd, uservaddr, addrlen)` in its tracepoint's record.
const FD: usize = 16;
const USERVADDR: usize = 24;

/// The LSM hook's part: its return value.
#[inline(always)]
pub fn check_connect(tgid: u32, session: u64, socket: Object, address: Object) -> i32 {
    let verdict = verdict(false);
    if verdict == VERDICT_ALLOW || !is_unconnected_stream(socket) {
        return 0;
    }
    let Some(remote) = remote(address) else { return 0 };
    let outcome = hold::decide(verdict, key(session, &remote));
    if outcome.code == 0 {
        let _ = HANDSHAKES.insert(bpf_get_current_pid_tgid(), remote, 0); // fails closed: `late` finds nothing
    }
    let reported = match outcome.state {
        state::ASKED => outcome::ASKED,
        state::COMMITTED => outcome::COMMITTED,
        state::REFUSED_IO_URING => outcome::REFUSED,
        state::REFUSED => outcome::TURNED_AWAY,
        _ => return outcome.code,
    };
    report(tgid, session, remote, reported);
    outcome.code
}

/// At the entry of `connect`.
#[inline(always)]
pub fn entered(ctx: &TracePointContext, session: u64) {
    if verdict(true) == VERDICT_ALLOW {
        return;
    }
    // SAFETY: the arguments are at these offsets in the syscall's sys_enter_* record.
    let (fd, address) = unsafe { (ctx.read_at::<u64>(FD), ctx.read_at::<u64>(USERVADDR)) };
    let (Ok(fd), Ok(address)) = (fd, address) else { return };
    let Some(socket) = kernel::descriptor(fd).and_then(kernel::socket_of) else { return };
    if !is_unconnected_stream(socket) {
        return;
    }
    if let Some(remote) = remote(kernel::User(address as usize)) {
        ask(ctx.tgid(), session, remote);
    }
}

/// At the entry of `security_socket_connect`.
#[inline(always)]
pub fn begins(tgid: u32, session: u64, socket: Object, address: Object) {
    if verdict(true) == VERDICT_ALLOW || !is_unconnected_stream(socket) {
        return;
    }
    if let Some(remote) = remote(address) {
        ask(tgid, session, remote);
    }
}

/// Stops the caller and asks, where no answer stands.
#[inline(always)]
fn ask(tgid: u32, session: u64, remote: Remote) {
    let key = key(session, &remote);
    if hold::waits(verdict(true), key) {
        kernel::stop();
        report(tgid, session, remote, outcome::ASKED);
    }
}

/// The part of `connect4` and `connect6`: 0 lets the handshake go on. Without an answer the syscall is restarted, which
/// `ask` has prepared; where it has not (io_uring, an address that was changed meanwhile, a send with MSG_FASTOPEN) the
/// connect fails: closed.
#[inline(always)]
pub fn late(ctx: &SockAddrContext, session: u64, address: [u8; 16], port: u16) -> i32 {
    // SAFETY: the verifier rewrites this to the socket's protocol, which may be read.
    let protocol = unsafe { (*ctx.sock_addr).protocol };
    let policy = verdict::policy();
    let verdict = policy.map_or(VERDICT_ALLOW, |policy| policy.handshake);
    if verdict == VERDICT_ALLOW || protocol != IPPROTO_TCP as u32 {
        return 0;
    }
    let remote = Remote { address, port: port as u32 };
    let is_late = policy.is_some_and(|policy| policy.late_handshake != 0);
    if !is_late && has_passed(&remote) {
        return 0;
    }
    match hold::decision(verdict, key(session, &remote)) {
        Decision::Pass => 0,
        Decision::Commit => {
            report(ctx.tgid(), session, remote, outcome::COMMITTED);
            0
        }
        Decision::Ask if is_late => hold::RESTART,
        // Nobody has stopped the caller who comes past LSM's hook, so there is nothing to restart.
        Decision::Ask | Decision::Refuse => {
            report(ctx.tgid(), session, remote, outcome::TURNED_AWAY);
            hold::EPERM
        }
    }
}

/// Whether LSM's hook has let this connect go. It does not run for a send that connects (MSG_FASTOPEN, net/ipv4/tcp.c:
/// tcp_sendmsg_fastopen, v6.1–v7.3).
#[inline(always)]
fn has_passed(remote: &Remote) -> bool {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: the value is copied out at once; only this thread writes its key.
    let Some(passed) = unsafe { HANDSHAKES.get(thread) }.copied() else { return false };
    let _ = HANDSHAKES.remove(thread);
    passed == *remote
}

#[inline(always)]
fn key(session: u64, remote: &Remote) -> AnswerKey {
    AnswerKey::of_connect(session, remote.address, remote.port as u16)
}

/// The table's answer, where it is to be given `late` or not.
#[inline(always)]
fn verdict(late: bool) -> u32 {
    let here = |policy: &&monitor_common::policy::Policy| (policy.late_handshake != 0) == late;
    verdict::policy().filter(here).map_or(VERDICT_ALLOW, |policy| policy.handshake)
}

/// A program that asks how its connect goes calls it again: nothing begins then.
#[inline(always)]
fn is_unconnected_stream(socket: Object) -> bool {
    socket.read::<u32>(offset!(socket_state)) == Some(SS_UNCONNECTED)
        && socket.read::<i16>(offset!(socket_type)) == Some(SOCK_STREAM)
}

/// Reads a socket address; `None` for families without one.
#[inline(always)]
fn remote(memory: impl Memory) -> Option<Remote> {
    let family = memory.read::<u16>(0)?;
    let address = if family == AF_INET {
        net::mapped(memory.read(ADDRESS4)?)
    } else if family == AF_INET6 {
        memory.read(ADDRESS6)?
    } else {
        return None;
    };
    Some(Remote { address, port: u16::from_be(memory.read(PORT)?) as u32 })
}

#[inline(always)]
fn report(tgid: u32, session: u64, remote: Remote, outcome: u32) {
    let (address, port) = (remote.address, remote.port as u16);
    let protocol = IPPROTO_TCP;
    connect::report(tgid, session, |header| Connect { header, cookie: 0, address, port, protocol, outcome });
}
