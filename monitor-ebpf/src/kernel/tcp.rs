//! Where a packet's TCP socket stands in its two streams.

use aya_ebpf::{helpers::generated::bpf_tcp_sock, programs::SkBuffContext};

/// Sequence numbers (RFC 9293, 3.3.1).
pub struct Place {
    /// Of the first byte that has never been sent. What is sent now moves it afterwards (net/ipv4/tcp_output.c:tcp_write_xmit,
    /// v6.1–v7.2), and what a program drops does not.
    pub next: u32,
    /// Of the byte that is expected next.
    pub expected: u32,
}

/// `None` where there is no whole socket: the connection is being made, or over.
#[inline(always)]
pub fn place(ctx: &SkBuffContext) -> Option<Place> {
    // SAFETY: the verifier checks both pointers, and rewrites the loads to the socket's own fields; the packet keeps its socket.
    unsafe {
        let socket = (*ctx.skb.skb).__bindgen_anon_2.sk;
        if socket.is_null() {
            return None;
        }
        let stream = bpf_tcp_sock(socket);
        if stream.is_null() {
            return None;
        }
        Some(Place { next: (*stream).snd_nxt, expected: (*stream).rcv_nxt })
    }
}
