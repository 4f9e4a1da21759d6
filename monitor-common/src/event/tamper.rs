//! Attempts on other processes and on Interlock itself.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;

/// What was attempted. Numbers are never reused.
pub mod act {
    /// `ptrace`, `process_vm_readv`, `/proc/PID/mem` of another process.
    pub const INSPECT: u32 = 1;
    /// A signal to the daemon.
    pub const SIGNAL: u32 = 2;
    /// The `bpf` syscall.
    pub const BPF: u32 = 3;
    /// Removing, renaming or replacing one of Interlock's own files.
    pub const REMOVE: u32 = 4;
    /// Opening one of Interlock's own files for writing.
    pub const WRITE: u32 = 9;
    /// `mount`, `move_mount`.
    pub const MOUNT: u32 = 7;
    /// `umount`.
    pub const UNMOUNT: u32 = 8;
    /// Making a file in one of Interlock's own directories.
    pub const CREATE: u32 = 10;
    /// An open inside io_uring that this backend cannot look at.
    pub const UNSEEN_OPEN: u32 = 11;
}

pub const NAME_MAX: usize = 108;

/// A labelled process attempted one of [`act`].
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Tamper {
    pub header: Header,
    /// One of [`act`].
    pub act: u32,
    /// One of [`super::state`].
    pub state: u32,
    /// Process it was aimed at, 0 where there is none.
    pub target: u32,
    /// The signal, the bpf command, the ptrace mode, the io_uring opcode.
    pub detail: u32,
    /// The file's or socket's name, NUL-padded.
    pub name: [u8; NAME_MAX],
    pub reserved: u32,
}
const _: () = assert!(size_of::<Tamper>() == 24 + 16 + NAME_MAX + 4);
