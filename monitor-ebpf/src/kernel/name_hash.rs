//! Is this a secret's name? One pass over the name gives every hash that the table may hold.

use core::{ffi::c_void, mem::MaybeUninit};

use aya_ebpf::helpers::generated::bpf_loop;

use monitor_common::{
    hash::{self, EXACT, EXTENSION, FNV_OFFSET, NAME_MAX, PARENT, STEM},
    policy::{GRADE_NONE, SecretTag},
};

use crate::{
    kernel::{
        bloom,
        read::{Structure, offset},
    },
    maps::{SECRET_BITS, SECRET_NAMES},
};

const ROOM: usize = NAME_MAX + 1;

/// Room for a name. Not cleared, which would cost as much as reading the name: the helper that reads it fills it.
pub struct Buffer(MaybeUninit<[u8; ROOM]>);

impl Buffer {
    #[inline(always)]
    pub const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// A byte of the name that was read last.
    #[inline(always)]
    fn byte(&self, index: usize) -> u8 {
        // SAFETY: callers stay below the length that `read` gave, and below ROOM, which the verifier checks.
        unsafe { *self.0.as_ptr().cast::<u8>().add(index) }
    }
}

/// Hashes of one file name.
pub struct Hashes {
    pub exact: u64,
    pub extension: u64,
    pub stem: u64,
}

/// Hashes `length` bytes of `name` (without a NUL).
#[inline(always)]
pub fn hashes(name: &Buffer, length: usize) -> Hashes {
    let (mut running, mut extension, mut stem) = (FNV_OFFSET, 0, 0);
    let mut i = 0;
    while i < NAME_MAX && i < length {
        let byte = name.byte(i);
        if byte == b'.' && i > 0 {
            if stem == 0 {
                stem = hash::finish(running, STEM);
            }
            extension = FNV_OFFSET;
        } else if extension != 0 {
            extension = hash::step(extension, byte);
        }
        running = hash::step(running, byte);
        i += 1;
    }
    Hashes { exact: hash::finish(running, EXACT), extension: hash::finish(extension, EXTENSION), stem }
}

/// [`EXACT`] and [`PARENT`] hash of a directory's name.
#[inline(always)]
pub fn directory(name: &Buffer, length: usize) -> (u64, u64) {
    let mut running = FNV_OFFSET;
    let mut i = 0;
    while i < NAME_MAX && i < length {
        running = hash::step(running, name.byte(i));
        i += 1;
    }
    (hash::finish(running, EXACT), hash::finish(running, PARENT))
}

/// What a file is called, and the directory that it lies in.
pub struct Named {
    pub file: Hashes,
    /// As [`directory`] gives them.
    pub parent: (u64, u64),
}

/// `None`: a name cannot be read.
#[inline(always)]
pub fn of(dentry: impl Structure) -> Option<Named> {
    let mut buffer = Buffer::new();
    let parent = dentry.follow(offset!(dentry_parent))?;
    let length = read(parent, &mut buffer)?;
    let parent = directory(&buffer, length);
    let length = read(dentry, &mut buffer)?;
    Some(Named { file: hashes(&buffer, length), parent })
}

/// Reads a dentry's name; gives its length without the NUL.
#[inline(always)]
pub fn read(dentry: impl Structure, buffer: &mut Buffer) -> Option<usize> {
    let text = dentry.at(offset!(dentry_name)).follow(offset!(qstr_name))?.object();
    let length = text.copy_string(buffer.0.as_mut_ptr().cast(), ROOM as u32)?;
    Some(length - 1)
}

/// No secret: what a plain value says where an `Option` would make the compiler read a register that was never written,
/// which the verifier refuses.
pub const NONE: SecretTag = SecretTag::NONE;

/// The tag of a file by its name and its directory's: exact name first, because only it can say "not a secret".
#[inline(always)]
pub fn tag(file: &Hashes, (exact, any): (u64, u64)) -> SecretTag {
    let found = lookup(file.exact);
    if found.entry != u32::MAX {
        return found;
    }
    let found = lookup(hash::pair(exact, file.exact));
    if found.grade != GRADE_NONE {
        return found;
    }
    let found = lookup(any);
    if found.grade != GRADE_NONE {
        return found;
    }
    let found = lookup(file.extension);
    if found.grade != GRADE_NONE {
        return found;
    }
    if file.stem == 0 { NONE } else { lookup(file.stem) }
}

#[inline(always)]
fn lookup(key: u64) -> SecretTag {
    if !bloom::passes(&SECRET_BITS, key) {
        return NONE;
    }
    // SAFETY: the value is copied out at once; entries are replaced whole.
    unsafe { SECRET_NAMES.get(key) }.copied().unwrap_or(NONE)
}

/// Path hashes after a pass over the text: those of the last component, and of the directory before it.
pub struct Pass {
    pub file: Hashes,
    pub parent: (u64, u64),
}

/// A pass under way.
struct Walk<'a, const ROOM: usize> {
    text: &'a [u8; ROOM],
    length: u32,
    at_start: u32,
    running: u64,
    extension: u64,
    stem: u64,
    parent: (u64, u64),
}

/// Hashes the `length` bytes of a path. `bpf_loop` has its body verified once, and not once for every byte.
#[inline(always)]
pub fn pass<const ROOM: usize>(text: &[u8; ROOM], length: usize) -> Pass {
    let mut walk = Walk {
        text,
        length: length as u32,
        at_start: 1,
        running: FNV_OFFSET,
        extension: 0,
        stem: 0,
        parent: (0, 0),
    };
    // SAFETY: `step` has the type that the helper wants, and `walk` outlives the call.
    unsafe { bpf_loop(ROOM as u32, step::<ROOM> as *mut c_void, (&raw mut walk).cast(), 0) };
    let exact = hash::finish(walk.running, EXACT);
    let extension = hash::finish(walk.extension, EXTENSION);
    Pass { file: Hashes { exact, extension, stem: walk.stem }, parent: walk.parent }
}

/// One byte; 1 ends the loop.
unsafe extern "C" fn step<const ROOM: usize>(index: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `pass` handed it over.
    let walk = unsafe { &mut *walk.cast::<Walk<'_, ROOM>>() };
    if index >= walk.length {
        return 1;
    }
    let Some(&byte) = walk.text.get(index as usize) else { return 1 };
    if byte == b'/' {
        walk.parent = (hash::finish(walk.running, EXACT), hash::finish(walk.running, PARENT));
        (walk.running, walk.extension, walk.stem, walk.at_start) = (FNV_OFFSET, 0, 0, 1);
        return 0;
    }
    if byte == b'.' && walk.at_start == 0 {
        if walk.stem == 0 {
            walk.stem = hash::finish(walk.running, STEM);
        }
        walk.extension = FNV_OFFSET;
    } else if walk.extension != 0 {
        walk.extension = hash::step(walk.extension, byte);
    }
    walk.running = hash::step(walk.running, byte);
    walk.at_start = 0;
    0
}
