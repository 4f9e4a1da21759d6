//! Is this a secret's name? One pass over the name gives every hash that the table may hold.

use monitor_common::{
    hash::{self, EXACT, EXTENSION, FNV_OFFSET, NAME_MAX, PARENT, STEM},
    policy::{GRADE_NONE, SecretTag},
};

use crate::{
    kernel::{Object, offset},
    maps::SECRET_NAMES,
};

pub const BUFFER: usize = NAME_MAX + 1;

/// Hashes of one file name.
pub struct Hashes {
    pub exact: u64,
    pub extension: u64,
    pub stem: u64,
}

/// Hashes `length` bytes of `name` (without a NUL).
#[inline(always)]
pub fn hashes(name: &[u8; BUFFER], length: usize) -> Hashes {
    let (mut running, mut extension, mut stem) = (FNV_OFFSET, 0, 0);
    let mut i = 0;
    while i < NAME_MAX && i < length {
        let byte = name[i];
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
pub fn directory(name: &[u8; BUFFER], length: usize) -> (u64, u64) {
    let mut running = FNV_OFFSET;
    let mut i = 0;
    while i < NAME_MAX && i < length {
        running = hash::step(running, name[i]);
        i += 1;
    }
    (hash::finish(running, EXACT), hash::finish(running, PARENT))
}

/// Reads a dentry's name; gives its length without the NUL.
#[inline(always)]
pub fn read(dentry: Object, buffer: &mut [u8; BUFFER]) -> Option<usize> {
    let name = dentry.at(offset!(dentry_name));
    let length = name.read_string(offset!(qstr_name), buffer.as_mut_ptr(), BUFFER as u32)?;
    Some(length - 1)
}

/// No secret: what a plain value says where an `Option` would make the compiler read a register that was never written,
/// which the verifier refuses.
pub const NONE: SecretTag = SecretTag { entry: u32::MAX, grade: GRADE_NONE };

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
    // SAFETY: the value is copied out at once; entries are replaced whole.
    unsafe { SECRET_NAMES.get(key) }.copied().unwrap_or(NONE)
}
