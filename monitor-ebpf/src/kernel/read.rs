//! Reading kernel memory at offsets from the running kernel's BTF.

use aya_ebpf::helpers::{
    bpf_probe_read_kernel, bpf_probe_read_user,
    generated::{bpf_get_current_task, bpf_probe_read_kernel_str, bpf_send_signal, bpf_send_signal_thread},
};
use monitor_common::{
    label::{FROZEN, Label},
    offsets::Offsets,
};

use crate::{
    kernel::abi::{S_IFMT, S_IFSOCK},
    maps::{PROCESSES, SESSIONS},
};

/// Written by the loader before the programs are verified; frozen, so every use is a constant to the verifier.
#[unsafe(no_mangle)]
static OFFSETS: Offsets = ZEROED;

// SAFETY: integers only, for which zero is a value; the loader replaces it and refuses to load with an offset missing.
const ZEROED: Offsets = unsafe { core::mem::zeroed() };

/// The kernel's offset of one field, by its name in [`Offsets`].
macro_rules! offset {
    ($field:ident) => {
        $crate::kernel::read::offset_at(core::mem::offset_of!(monitor_common::offsets::Offsets, $field))
    };
}
pub(crate) use offset;

#[inline(always)]
pub fn offset_at(position: usize) -> usize {
    // SAFETY: `position` is that of a field of the static; volatile because the loader rewrites it after compilation.
    unsafe { (&raw const OFFSETS).byte_add(position).cast::<u32>().read_volatile() as usize }
}

const SIGSTOP: u32 = 19;

/// What can be read at an offset.
pub trait Memory: Copy {
    fn read<T>(self, offset: usize) -> Option<T>;
}

/// A kernel object, and the way to read it.
pub trait Structure: Memory {
    fn new(address: *const u8) -> Self;

    fn address(self) -> *const u8;

    /// The embedded structure at `offset`.
    #[inline(always)]
    fn at(self, offset: usize) -> Self {
        Self::new(self.address().wrapping_add(offset))
    }

    /// Follows the pointer at `offset`.
    #[inline(always)]
    fn follow(self, offset: usize) -> Option<Self> {
        let next: *const u8 = self.read(offset)?;
        if next.is_null() { None } else { Some(Self::new(next)) }
    }

    /// The same object, for what is not worth a way of its own.
    #[inline(always)]
    fn object(self) -> Object {
        Object(self.address())
    }
}

/// A kernel object whose type the verifier knows, because a hook handed it over: every read is one load. Only lsm, fentry and
/// fexit have such arguments. They live as long as the hook runs; a load that faulted all the same would give zero.
#[derive(Clone, Copy)]
pub struct Typed(pub *const u8);

impl Memory for Typed {
    #[inline(always)]
    fn read<T>(self, offset: usize) -> Option<T> {
        // SAFETY: the verifier refuses what is not a field of the type; volatile because it wants the load as it stands here,
        // whole.
        Some(unsafe { self.0.wrapping_add(offset).cast::<T>().read_volatile() })
    }
}

impl Structure for Typed {
    #[inline(always)]
    fn new(address: *const u8) -> Self {
        Self(address)
    }

    #[inline(always)]
    fn address(self) -> *const u8 {
        self.0
    }
}

/// Address of a kernel object. Every read is checked by the kernel; a wrong address is an error, never a fault.
#[derive(Clone, Copy)]
pub struct Object(pub *const u8);

impl Memory for Object {
    #[inline(always)]
    fn read<T>(self, offset: usize) -> Option<T> {
        // SAFETY: bpf_probe_read_kernel accepts any address and fails on what is not mapped.
        unsafe { bpf_probe_read_kernel(self.0.wrapping_add(offset).cast::<T>()) }.ok()
    }
}

impl Structure for Object {
    #[inline(always)]
    fn new(address: *const u8) -> Self {
        Self(address)
    }

    #[inline(always)]
    fn address(self) -> *const u8 {
        self.0
    }
}

impl Object {
    /// Copies the NUL-terminated string whose pointer stands at `offset`; gives its length with the NUL.
    #[inline(always)]
    pub fn read_string(self, offset: usize, target: *mut u8, size: u32) -> Option<usize> {
        self.follow(offset)?.copy_string(target, size)
    }

    /// Copies the NUL-terminated string that stands here; gives its length with the NUL.
    #[inline(always)]
    pub fn copy_string(self, target: *mut u8, size: u32) -> Option<usize> {
        // SAFETY: `target` is stack or ring memory of `size` bytes, which the verifier checks.
        let length = unsafe { bpf_probe_read_kernel_str(target.cast(), size, self.0.cast()) };
        if length < 1 { None } else { Some(length as usize) }
    }
}

#[inline(always)]
pub fn current_task() -> Object {
    // SAFETY: a helper without arguments.
    Object(unsafe { bpf_get_current_task() } as *const u8)
}

/// The caller's open file: `current->files->fdt->fd[fd]`.
#[inline(always)]
pub fn descriptor(fd: u64) -> Option<Object> {
    let table = current_task().follow(offset!(task_files))?.follow(offset!(files_fdt))?;
    table.follow(offset!(fdtable_fd))?.follow((fd as u32 as usize) * 8)
}

/// What kind of file an open one is: `S_IFREG`, `S_IFSOCK` …; `None`: it cannot be read.
#[inline(always)]
pub fn file_type(file: Object) -> Option<u16> {
    Some(file.follow(offset!(file_inode))?.read::<u16>(offset!(inode_mode))? & S_IFMT)
}

/// The socket (`struct socket`) behind an open file; `None` where it is something else.
#[inline(always)]
pub fn socket_of(file: Object) -> Option<Object> {
    if file_type(file)? != S_IFSOCK {
        return None;
    }
    file.follow(offset!(file_private_data))
}

/// Memory of the calling process.
#[derive(Clone, Copy)]
pub struct User(pub usize);

impl Memory for User {
    #[inline(always)]
    fn read<T>(self, offset: usize) -> Option<T> {
        // SAFETY: bpf_probe_read_user accepts any address and fails on what is not mapped.
        unsafe { bpf_probe_read_user(self.0.wrapping_add(offset) as *const T) }.ok()
    }
}

#[inline(always)]
pub fn label(tgid: u32) -> Option<Label> {
    // SAFETY: the value is copied out at once; the entry is never updated in place, only inserted and removed.
    unsafe { PROCESSES.get(tgid) }.copied()
}

/// Whether the session's breaker is open.
#[inline(always)]
pub fn is_frozen(session: u64) -> bool {
    // SAFETY: a map value stays allocated while a program runs (RCU); an aligned 32-bit read.
    SESSIONS.get_ptr(session).is_some_and(|state| unsafe { (*state).flags } & FROZEN != 0)
}

/// Stops the caller again if its session's breaker is open: somebody else continued it. Where this is asked nothing else keeps
/// the caller from going on, so the signal is its own thread's: of a signal to the process one is pending at a time
/// (kernel/signal.c:legacy_queue), and a second thread that came here meanwhile would not be stopped by it.
#[inline(always)]
pub fn stop_if_frozen(session: u64) -> bool {
    if !is_frozen(session) {
        return false;
    }
    // SAFETY: sends to the current thread only.
    unsafe { bpf_send_signal_thread(SIGSTOP) };
    true
}

/// Stops the calling process on its way out of the kernel; the hook refuses its call besides.
#[inline(always)]
pub fn stop() {
    // SAFETY: sends to the current process only.
    unsafe { bpf_send_signal(SIGSTOP) };
}

/// `size`, at least 1 and at most `ROOM`, in a form that every verifier follows: a mask, because older ones (v6.1) neither
/// carry a comparison over to a copy of the register nor learn from `!= 0` that 1 is the least.
#[inline(always)]
pub fn bounded<const ROOM: usize>(size: u64) -> u32 {
    const { assert!(ROOM.is_power_of_two()) }
    let (room, size) = (ROOM as u64, if size == 0 { 1 } else { size });
    let last = core::hint::black_box(if size > room { room - 1 } else { size - 1 });
    ((last & (room - 1)) + 1) as u32
}
