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

/// Value of the map `SESSIONS` (key: session id).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SessionState {
    /// Inode of the workspace's root directory; 0 when unknown (everything is foreign then).
    pub workspace_ino: u64,
    /// What the session has touched, see [`crate::policy::taint_bit`].
    pub taints: u64,
    /// 0: flows are not gated. Otherwise every flow decided under an older generation is asked about again.
    pub generation: u64,
    /// Records of this session that could not be delivered. Above 0 the session is incomplete.
    pub lost: u64,
    /// Kernel device number (`super_block.s_dev`) of the workspace's root directory.
    pub workspace_dev: u32,
    /// See [`FROZEN`].
    pub flags: u32,
}
const _: () = assert!(size_of::<SessionState>() == 40);

/// [`SessionState::flags`]: the breaker is open; whoever acts is stopped again.
pub const FROZEN: u32 = 1;

pod!(Label, SessionState);
