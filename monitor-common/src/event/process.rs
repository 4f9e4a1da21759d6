//! Lifecycle records, and execs that ask.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Header;
use crate::policy::InodeKey;

/// A labelled process forked (not: made a thread).
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Fork {
    /// `tgid` is the creator.
    pub header: Header,
    pub child: u32,
    pub reserved: u32,
    /// `start_boottime` of the child, ns.
    pub child_start_ns: u64,
}
const _: () = assert!(size_of::<Fork>() == 40);

/// The last thread of a labelled process ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Exit {
    pub header: Header,
}

pub const FILENAME_MAX: usize = 256;
pub const ARGS_MAX: usize = 2048;
pub const ENV_MAX: usize = 8192;

/// An exec of a labelled process: what it runs now.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Exec {
    pub header: Header,
    /// `start_boottime` of the thread group leader, ns.
    pub start_ns: u64,
    /// Bytes of `args` in use, and the size of the block in the process: larger means cut.
    pub args_len: u32,
    pub args_size: u32,
    /// Bytes of `env` in use, and the size of the block in the process: larger means that only its end is here.
    pub env_len: u32,
    pub env_size: u32,
    /// `linux_binprm.filename`, NUL-terminated: the path that was executed, before any `#!`.
    pub filename: [u8; FILENAME_MAX],
    /// `arg_start..arg_end` of the new image, NUL-separated.
    pub args: [u8; ARGS_MAX],
}
const _: () = assert!(size_of::<Exec>() == 24 + 8 + 16 + FILENAME_MAX + ARGS_MAX);

/// An exec of a process without a label: the same, and the end of its environment, to recognise an agent by.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ExecCandidate {
    pub exec: Exec,
    /// The last [`ENV_MAX`] bytes of `env_start..env_end`, NUL-separated; agents append their markers.
    pub env: [u8; ENV_MAX],
}
const _: () = assert!(size_of::<ExecCandidate>() == size_of::<Exec>() + ENV_MAX);

/// A labelled process is about to execute a program.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Execute {
    pub header: Header,
    pub file: InodeKey,
    /// One of [`super::state`].
    pub state: u32,
    pub reserved: u32,
    /// `linux_binprm.filename`, NUL-terminated.
    pub filename: [u8; FILENAME_MAX],
}
const _: () = assert!(size_of::<Execute>() == 24 + 24 + FILENAME_MAX);
