//! Who listens where a connect goes.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_sk_lookup_tcp, bpf_sk_release, bpf_skc_to_tcp_sock},
    programs::SockAddrContext,
};

use crate::{
    kernel::{Memory as _, Typed, net, offset},
    maps::LISTENERS,
};

/// `BPF_F_CURRENT_NETNS`: the socket's own network namespace.
const OWN_NAMESPACE: u64 = u64::MAX;
/// include/net/tcp_states.h.
const TCP_LISTEN: u32 = 10;

/// Loopback, or no address at all: then the kernel takes loopback.
#[inline(always)]
pub fn is_own_loopback(address: &[u8; 16]) -> bool {
    net::is_unspecified(address) || net::is_local(address)
}

pub struct Listener {
    pub session: u64,
    /// And not at every address.
    pub at_this_address: bool,
}

/// Who listens there, in the network namespace of the socket that asks.
#[inline(always)]
pub fn listener(ctx: &SockAddrContext, address: [u8; 16], port: u16) -> Option<Listener> {
    let (words, is_any) = (net::words(&address), net::is_unspecified(&address));
    let port = (port.to_be() as u32) << 16;
    // `struct bpf_sock_tuple`: from where, whither, from which port, to which port, in network order.
    let mut tuple = [0u32; 9];
    let [.., a, b, c, d] = address;
    let size = if address == net::mapped([a, b, c, d]) {
        tuple[1] = if is_any { u32::from_ne_bytes([127, 0, 0, 1]) } else { words[3] };
        tuple[2] = port;
        12
    } else {
        [tuple[4], tuple[5], tuple[6], tuple[7]] = words;
        if is_any {
            tuple[7] = 1u32.to_be();
        }
        tuple[8] = port;
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
