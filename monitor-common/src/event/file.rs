//! Opens and probes of files.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;
use crate::policy::{InodeKey, SecretTag};

/// Path components reported, from the file upwards, and bytes kept of each.
pub const COMPONENTS: usize = 12;
pub const COMPONENT_MAX: usize = 64;
/// Directories walked upwards in search of the workspace.
pub const WALK: usize = 24;
pub const PATH_MAX: usize = 512;

/// How the file was recognised.
pub mod matched {
    /// By device and inode.
    pub const INODE: u32 = 1;
    /// By its name.
    pub const NAME: u32 = 2;
    /// It could not be told, so it counts as a match.
    pub const UNRESOLVED: u32 = 3;
    /// Another session wrote the file after it had touched the secret: it may hold a copy.
    pub const COPY: u32 = 4;
}

/// A labelled process opened a secret for reading.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Open {
    pub header: Header,
    pub file: InodeKey,
    pub tag: SecretTag,
    /// One of [`matched`].
    pub matched: u32,
    /// 1: outside the workspace, or deeper below it than the kernel looked, and not of the session's own making.
    pub foreign: u32,
    /// One of [`super::state`].
    pub state: u32,
    /// 1: the session created the file.
    pub made: u32,
    /// Session generation after this open.
    pub generation: u64,
    /// Which of the session's touches this is ([`crate::label::Taint::touches`]); 0: none that rules care about.
    pub touch: u64,
    pub path: Names,
}
const _: () = assert!(size_of::<Open>() == 24 + 16 + 8 + 16 + 16 + size_of::<Names>());

/// A labelled process opened a file for writing, or gave a file a name, that programs outside of its session run or obey later.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Write {
    pub header: Header,
    pub file: InodeKey,
    /// One of [`super::state`].
    pub state: u32,
    pub reserved: u32,
    pub path: Names,
}
const _: () = assert!(size_of::<Write>() == 24 + 16 + 8 + size_of::<Names>());

/// A path below the root of its file system.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Names {
    /// Components in use; [`COMPONENTS`] with `complete` 0 means that the path is longer.
    pub components: u32,
    /// 1: the walk reached the root of the file system.
    pub complete: u32,
    /// Names from the file upwards, each NUL-padded, a longer one cut.
    pub names: [[u8; COMPONENT_MAX]; COMPONENTS],
}
const _: () = assert!(size_of::<Names>() == 8 + COMPONENT_MAX * COMPONENTS);

/// How a secret gets another name.
pub mod relink {
    pub const LINK: u32 = 1;
    pub const RENAME: u32 = 2;
}

/// A labelled process gives a secret another name. What it is stays known by its inode.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Relink {
    pub header: Header,
    pub file: InodeKey,
    pub tag: SecretTag,
    /// One of [`matched`].
    pub matched: u32,
    /// 1: outside the workspace before.
    pub foreign: u32,
    /// One of [`relink`].
    pub how: u32,
    pub reserved: u32,
    /// Its path before.
    pub path: Names,
}
const _: () = assert!(size_of::<Relink>() == 24 + 16 + 8 + 16 + size_of::<Names>());

/// A labelled process tried to open a secret's name and failed.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Probe {
    pub header: Header,
    pub tag: SecretTag,
    /// Negative errno the syscall returned.
    pub errno: i32,
    /// One of [`matched`].
    pub matched: u32,
    /// The path as the process gave it, NUL-terminated, cut at [`PATH_MAX`].
    pub path: [u8; PATH_MAX],
}
const _: () = assert!(size_of::<Probe>() == 24 + 16 + PATH_MAX);

/// What of `/proc/PID` was opened.
pub mod proc_file {
    pub const ENVIRON: u32 = 1;
    pub const MEM: u32 = 2;
}

/// A labelled process opened `/proc/PID/environ` or `/proc/PID/mem`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ProcOpen {
    pub header: Header,
    /// One of [`proc_file`].
    pub file: u32,
    pub reserved: u32,
    /// Names from the parent directory upwards: a pid, or a tid and `task`.
    pub names: [[u8; 16]; 3],
}
const _: () = assert!(size_of::<ProcOpen>() == 24 + 8 + 48);
