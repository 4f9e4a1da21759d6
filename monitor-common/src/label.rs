//! Labels: the kernel's mark on a process of an agent session, and the session's own state.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::pod;

/// Identity of a session: the root's tgid in the upper 22 bits, its start time (boot clock, µs) in the lower 42.
///
/// `PID_MAX_LIMIT` is 2^22, so the tgid always fits; the time wraps after 50 days, and a collision would need the same
/// tgid in the same microsecond 50 days apart.
pub const fn session_id(tgid: u32, start_ns: u64) -> u64 {
    ((tgid as u64) << 42) | ((start_ns / 1000) & ((1 << 42) - 1))
}

/// Value of the map `PROCESSES` (key: tgid). Present for labelled processes only.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Label {
    /// See [`session_id`].
    pub session: u64,
    /// `task_struct.start_boottime` of the thread group leader, ns; 0 where the daemon wrote the label from `/proc`.
    pub start_ns: u64,
}
const _: () = assert!(size_of::<Label>() == 16);

/// Value of the map `SESSIONS` (key: session id). Only the daemon writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Session {
    /// Inode of the workspace's root directory; 0 when unknown (everything is foreign then).
    pub workspace_ino: u64,
    /// Kernel device number (`super_block.s_dev`) of the workspace's root directory.
    pub workspace_dev: u32,
    /// See [`FROZEN`] and [`GATED`].
    pub flags: u32,
    /// Inode space of the workspace's root directory, see [`crate::policy::InodeKey`].
    pub workspace_space: u32,
    /// Counts how often the daemon wants connections to be asked about again, beside [`Taint::generation`].
    pub renewed: u32,
    /// How many of [`Taint::touches`] the daemon has judged, without a gap. What they really were is in `flags` then.
    pub settled: u64,
}
const _: () = assert!(size_of::<Session>() == 32);

/// [`Session::flags`]: the breaker is open; whoever acts is stopped again.
pub const FROZEN: u32 = 1;
/// [`Session::flags`]: every flow asks, whatever the session touched.
pub const GATED: u32 = 2;

/// Value of the map `TAINTS` (key: session id). The daemon creates it; from then on only the kernel changes it, so that
/// no touch is ever overwritten.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Taint {
    /// What the session has touched, a set of [`crate::policy::taint_bit`]s.
    pub taints: u64,
    /// Counts the touches that rules care about, from 1. A flow decided under an older generation is asked about again.
    pub generation: u64,
    /// Records of this session that could not be delivered. Above 0 the session is incomplete.
    pub lost: u64,
    /// Touches that rules care about, each with a number of its own. Until the daemon has judged it
    /// ([`Session::settled`]), a touch makes the session's flows ask: only the daemon knows owner tools and exceptions.
    pub touches: u64,
    /// 1: a process of the session answers from port 53, so what a resolver answered the session may be its own invention.
    pub resolves: u64,
    /// Connections that are noted for the session at this time.
    pub flows: u64,
}
const _: () = assert!(size_of::<Taint>() == 48);

/// Connections of one session that are noted at once, at most: one session can't fill the table of all.
pub const FLOWS_OF_SESSION: u64 = 8_192;

impl Taint {
    /// A session that has touched nothing.
    pub const CLEAN: Self = Self { taints: 0, generation: 1, lost: 0, touches: 0, resolves: 0, flows: 0 };
}

pod!(Label, Session, Taint);
