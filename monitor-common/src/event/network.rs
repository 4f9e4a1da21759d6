//! Connections, held flows, DNS answers.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;

/// What the kernel did with a connect.
pub mod outcome {
    pub const PASSED: u32 = 0;
    /// Refused with EPERM by the verdict table.
    pub const REFUSED: u32 = 1;
    /// The verdict table would have refused it, but the mode is observe.
    pub const WOULD_REFUSE: u32 = 2;
    /// The caller is stopped before the handshake; the daemon must answer.
    pub const ASKED: u32 = 3;
    /// The handshake goes on, by an answer of the daemon.
    pub const COMMITTED: u32 = 4;
    /// Refused before the handshake, by an answer of the daemon.
    pub const TURNED_AWAY: u32 = 5;
    /// No connect: a connection that another process had opened was sent to the caller. Where the cookie is 0 the kernel could not note
    /// it; the caller is stopped until the daemon has.
    pub const RECEIVED: u32 = 6;
    /// The caller took a connection out of another process. Where the cookie is 0 the kernel could not note it; the caller is stopped
    /// until the daemon has.
    pub const TAKEN: u32 = 7;
    /// No connect: somebody without a label sent on a datagram socket of the session's, which is theirs from then on.
    pub const SHARED: u32 = 8;
}

/// A labelled process called connect, or sent a datagram to a new destination.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Connect {
    pub header: Header,
    /// 0 before the handshake.
    pub cookie: u64,
    /// IPv4 stored v4-mapped.
    pub address: [u8; 16],
    /// Host byte order.
    pub port: u16,
    /// `IPPROTO_TCP` or `IPPROTO_UDP`; others as the socket says.
    pub protocol: u16,
    /// One of [`outcome`].
    pub outcome: u32,
}
const _: () = assert!(size_of::<Connect>() == 24 + 8 + 24);

/// Bytes of a first segment that are shown to the daemon: a ClientHello with post-quantum key shares fits.
pub const PAYLOAD_MAX: usize = 4096;

/// Data of a flow, and where it goes. [`super::kind::FLOW_ASK`]: the first under the present generation, which was dropped;
/// the daemon must decide. [`super::kind::GREETING`]: one of the first segments of a stream, which passed; what it says of
/// itself is kept.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FlowAsk {
    /// `tgid` is the process that connected.
    pub header: Header,
    pub cookie: u64,
    pub address: [u8; 16],
    pub port: u16,
    pub protocol: u16,
    /// [`crate::policy::Flow::older`].
    pub older: u32,
    pub generation: u64,
    /// Application bytes in the segment, and how many of them are in `payload`.
    pub payload_size: u32,
    pub payload_len: u32,
    /// 1: what arrives may not be what is shown. The sender can still change the bytes (they were not copied), or one of them
    /// is urgent, which the receiver takes out of the stream.
    pub changeable: u32,
    pub reserved: u32,
    pub payload: [u8; PAYLOAD_MAX],
}
const _: () = assert!(size_of::<FlowAsk>() == 24 + 8 + 16 + 8 + 24 + PAYLOAD_MAX);

/// Every descriptor of a followed socket is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FlowClosed {
    pub header: Header,
    pub cookie: u64,
}
const _: () = assert!(size_of::<FlowClosed>() == 32);

pub const DNS_MAX: usize = 4096;

/// A packet that a labelled process's socket received from port 53.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Dns {
    pub header: Header,
    pub cookie: u64,
    /// Who sent it, as the packet says (IPv4 v4-mapped); all zero where that could not be read.
    pub server: [u8; 16],
    /// `IPPROTO_TCP` (a piece of the stream) or `IPPROTO_UDP` (a message).
    pub protocol: u32,
    pub payload_size: u32,
    pub payload_len: u32,
    pub reserved: u32,
    pub payload: [u8; DNS_MAX],
}
const _: () = assert!(size_of::<Dns>() == 24 + 8 + 16 + 16 + DNS_MAX);

/// A labelled process made a socket that connects by no hook of ours.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Socket {
    pub header: Header,
    /// `AF_*`.
    pub family: u32,
    /// `SOCK_*`, without its flags.
    pub kind: u32,
    /// `IPPROTO_*`, or the protocol of its family.
    pub protocol: u32,
    /// One of [`outcome`].
    pub outcome: u32,
}
const _: () = assert!(size_of::<Socket>() == 24 + 16);
