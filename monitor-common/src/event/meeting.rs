//! Two sessions that can hand each other what they have read.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;

/// Where sessions meet.
pub mod how {
    /// One connects to a Unix socket that the other listens on.
    pub const UNIX_SOCKET: u32 = 1;
    /// One connects to a TCP port of this machine that the other listens on.
    pub const PORT: u32 = 2;
    /// Both open one named pipe.
    pub const PIPE: u32 = 3;
}

/// The process's session has met another one, or has met it again after one of them had touched something.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Meeting {
    pub header: Header,
    /// The other session.
    pub other: u64,
    /// The touch that this is to the process's session (see [`crate::label::Taint::touches`]); 0: none.
    pub touch: u64,
    /// The same of the other session.
    pub other_touch: u64,
    /// One of [`how`].
    pub how: u32,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Meeting>() == 24 + 32);
