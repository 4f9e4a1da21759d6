//! Handing work to processes outside of the tree.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;

/// Room of `sockaddr_un.sun_path`, rounded up (include/uapi/linux/un.h).
pub const PATH_MAX: usize = 128;

/// A labelled process connects to a Unix socket whose file name is that of a service.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Delegate {
    pub header: Header,
    /// Hash of the file name, by which an answer is keyed; 0 where the name is as the caller gave it and nothing was
    /// looked up.
    pub name: u64,
    /// One of [`super::state`].
    pub state: u32,
    pub reserved: u32,
    /// Path, NUL-terminated: the one the service bound, or as the caller gave it.
    pub path: [u8; PATH_MAX],
}
const _: () = assert!(size_of::<Delegate>() == 24 + 16 + PATH_MAX);
