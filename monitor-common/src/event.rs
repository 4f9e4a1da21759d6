//! Records in the two rings. Every record starts with a [`Header`]; its `kind` decides the layout of the rest.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub mod delegate;
pub mod file;
pub mod meeting;
pub mod network;
pub mod process;
pub mod tamper;

/// What became of the act that a record reports.
pub mod state {
    /// It happened.
    pub const PASSED: u32 = 0;
    /// Refused with EPERM by the verdict table or by an answer.
    pub const REFUSED: u32 = 1;
    /// The caller is stopped before the act, until there is an answer.
    pub const ASKED: u32 = 2;
    /// It happened because an answer allowed it.
    pub const COMMITTED: u32 = 3;
    /// It would have been held, but io_uring has no syscall to restart: refused with EPERM.
    pub const REFUSED_IO_URING: u32 = 4;
}

/// Numbers are never reused. 1–15 lifecycle ring, 16–63 access ring.
pub mod kind {
    pub const FORK: u32 = 1;
    pub const EXEC: u32 = 2;
    pub const EXIT: u32 = 3;
    pub const OPEN: u32 = 16;
    pub const PROBE: u32 = 17;
    pub const PROC_OPEN: u32 = 18;
    pub const EXECUTE: u32 = 19;
    pub const TAMPER: u32 = 20;
    pub const DELEGATE: u32 = 21;
    pub const RELINK: u32 = 22;
    pub const WRITE: u32 = 23;
    pub const CONNECT: u32 = 32;
    pub const FLOW_ASK: u32 = 33;
    pub const FLOW_CLOSED: u32 = 34;
    pub const DNS: u32 = 35;
    pub const SOCKET: u32 = 36;
    pub const GREETING: u32 = 37;
    pub const MEETING: u32 = 38;
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    /// One of [`kind`].
    pub kind: u32,
    /// Process that acted (thread group id, initial pid namespace).
    pub tgid: u32,
    /// 0 where the process has no label (an exec that may start a session).
    pub session: u64,
    /// `bpf_ktime_get_boot_ns`: boot clock, ns, taken when the record was reserved.
    pub at_ns: u64,
}
const _: () = assert!(size_of::<Header>() == 24);
