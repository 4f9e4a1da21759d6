//! Addresses, ports and protocols.

use aya_ebpf::bindings::bpf_sock_addr;
use monitor_common::policy::Flow;

use crate::kernel::abi::{IPPROTO_TCP, IPPROTO_UDP};

pub const DNS_PORT: u16 = 53;

#[inline(always)]
pub fn remote_port(address: *const bpf_sock_addr) -> u16 {
    // SAFETY: the verifier rewrites this to the socket address the caller passed in.
    u16::from_be(unsafe { (*address).user_port } as u16)
}

#[inline(always)]
pub fn address4(address: *const bpf_sock_addr) -> [u8; 16] {
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
pub fn address6(address: *const bpf_sock_addr) -> [u8; 16] {
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

/// The address as a packet's header has it: four words in network order.
#[inline(always)]
pub fn words(address: &[u8; 16]) -> [u32; 4] {
    let mut words = [0; 4];
    for (i, word) in words.iter_mut().enumerate() {
        *word =
            u32::from_ne_bytes([address[i * 4], address[i * 4 + 1], address[i * 4 + 2], address[i * 4 + 3]]);
    }
    words
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

/// `::` or `::ffff:0.0.0.0`.
#[inline(always)]
pub fn is_unspecified(address: &[u8; 16]) -> bool {
    *address == [0; 16] || *address == mapped([0; 4])
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
