//! A descriptor that has arrived: what it leads to.

use monitor_common::{
    event::network::{Connect, outcome},
    loss::Loss,
    policy::{Flow, RAW},
};

use crate::{
    decide::verdict,
    hooks::{flow_table, open},
    kernel::{
        self, Memory as _, Object, Structure as _,
        abi::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, S_IFREG, S_IFSOCK, SOCK_RAW},
        net, offset, pt_regs,
    },
    maps::FLOWS,
    report::{connect, lost},
};

/// x86-64 syscall number (arch/x86/entry/syscalls/syscall_64.tbl).
const PIDFD_GETFD: u64 = 438;
/// Whoever connects gets a local port from here on (`net.ipv4.ip_local_port_range`); below it servers listen, and what they accept
/// is handed on among their workers: those connections are a client's, not the session's.
const FIRST_OF_CLIENTS: u16 = 32_768;

#[inline(always)]
pub fn arrived(tgid: u32, session: u64, descriptor: u64) {
    // Closed by another thread in this instant: what it was counts as touched.
    let seen = kernel::descriptor(descriptor).and_then(|file| {
        if kernel::file_type(file)? == S_IFREG {
            open::judge_tagged(tgid, session, file)
        } else {
            socket(tgid, session, file)
        }
    });
    if seen.is_none() {
        lost::count(Loss::Read, session);
    }
}

/// `None`: it cannot be read.
#[inline(always)]
fn socket(tgid: u32, session: u64, file: Object) -> Option<()> {
    if kernel::file_type(file)? == S_IFSOCK {
        connection(tgid, session, file.follow(offset!(file_private_data))?.follow(offset!(socket_sk))?)?;
    }
    Some(())
}

/// Two sessions have one connection: what one of them has touched the other may send. Both count as having touched everything.
#[inline(always)]
fn hand_over(to: u64, from: u64) {
    if from != lost::NOBODY && to != from {
        lost::count(Loss::Read, to);
        lost::count(Loss::Read, from);
    }
}

/// Notes a connection that nobody of a session has opened, so that its data is held as that of the session's own. A socket that is not
/// connected is noted when it is. `None`: it cannot be read.
#[inline(always)]
fn connection(tgid: u32, session: u64, sock: Object) -> Option<()> {
    let is_taken = pt_regs::syscall() == Some(PIDFD_GETFD);
    let family = sock.read::<u16>(offset!(sock_family))?;
    if family != AF_INET && family != AF_INET6 {
        return Some(());
    }
    let is_raw = sock.read::<u16>(offset!(sock_type))? == SOCK_RAW;
    let address = if is_raw {
        [0; 16] // as when a session makes one
    } else if family == AF_INET {
        net::mapped(sock.read(offset!(sock_address4))?)
    } else {
        sock.read(offset!(sock_address6))?
    };
    let protocol = if is_raw { RAW } else { sock.read::<u16>(offset!(sock_protocol))? };
    let port = if is_raw { 0 } else { u16::from_be(sock.read(offset!(sock_port))?) };
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
        flow_table::follow(cookie, Flow { older: 1, ..Flow::new(session, tgid, address, port, protocol) });
    } else {
        cookie = 0;
        if !verdict::observes() {
            kernel::stop();
        }
    }
    connect::report(tgid, session, |header| Connect { header, cookie, address, port, protocol, outcome });
    Some(())
}
