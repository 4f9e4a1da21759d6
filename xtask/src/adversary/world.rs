//! The network that programs play in: a namespace of loopback alone, in which somebody answers at the control plane's address.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    process::Command,
};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};

use crate::process;

/// Documentation ranges (RFC 5737, RFC 3849): nobody's real server.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
pub const PORTS: [u16; 2] = [80, 443];
pub const DNS: u16 = 53;

/// What is left of a closed connection goes on trying for some seconds instead of minutes: there are thousands of them.
const RETRIES: (&str, &str) = ("/proc/sys/net/ipv4/tcp_orphan_retries", "4");

/// Moves this thread, and all that it starts from now on, into such a network.
///
/// # Errors
/// Not root, or no `ip`.
pub fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace needs root")?;
    let ip = |words: &str| process::answer(Command::new("ip").args(words.split(' '))).map(drop);
    ip("link set lo up")?;
    ip(&format!("address add {SERVER}/32 dev lo"))?;
    ip(&format!("address add {RESOLVER}/32 dev lo"))?;
    ip(&format!("-6 address add {SERVER_V6}/128 dev lo nodad"))?;
    fs::write(RETRIES.0, RETRIES.1).with_context(|| format!("{} cannot be written", RETRIES.0))
}
