//! What a session wrote about when it touched a foreign secret, or later: when another session reads it, it may be reading a copy.
//!
//! Here only the files are known; whether one holds something of the secret, the daemon tells by what is in it. Until it has,
//! the read counts as a touch. What the reader writes then is not followed: a copy of a copy is a file like others.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use monitor_common::{
    event::file::matched,
    policy::{SecretTag, Written},
};

use super::secret::{FOREIGN, Secret};
use crate::{
    kernel::{Memory, Object, Structure, bloom, identity, offset},
    maps::{CARRIED, WRITTEN, WRITTEN_BITS},
};

/// What a copying tool writes to may have been open for so long before it opens the secret (`cat SECRET > FILE`), seconds.
const BEFORE: u32 = 10;

/// A file is opened for writing. Where the insert fails the file stays one like others.
#[inline(always)]
pub fn note(session: u64, inode: impl Structure) {
    noted(session, inode.address() as u64);
}

/// A function of its own, as [`copied`]: what they have on the stack would be too much for their callers (512 bytes for all frames; before
/// v6.13 each is rounded up to 32).
#[inline(never)]
fn noted(session: u64, inode: u64) -> u64 {
    let inode = Object(inode as *const u8);
    if let Some(file) = identity::of_inode(inode)
        && let Some(generation) = inode.read(offset!(inode_generation))
    {
        bloom::admit(&WRITTEN_BITS, file.hash());
        let _ = WRITTEN.insert(file, Written { session, generation, at: now() }, 0);
    }
    0
}

/// The secret that a file may hold a copy of, because another session wrote it.
#[inline(always)]
pub fn by_another(session: u64, inode: impl Structure) -> Secret {
    let found = copied(session, inode.address() as u64);
    if found == 0 {
        return Secret::NONE;
    }
    let tag = SecretTag { entry: found as u32, grade: (found >> 32) as u16, placed: (found >> 48) as u16 };
    Secret { tag, matched: matched::COPY, place: FOREIGN }
}

/// The secret's tag in one word; 0: none, as no secret has grade 0.
#[inline(never)]
fn copied(session: u64, inode: u64) -> u64 {
    let inode = Object(inode as *const u8);
    let Some(file) = identity::of_inode(inode) else { return 0 };
    if !bloom::passes(&WRITTEN_BITS, file.hash()) {
        return 0;
    }
    let Some(written) = WRITTEN.get_ptr(file) else { return 0 };
    // SAFETY: map values stay allocated while a program runs (RCU); aligned reads of entries that are replaced whole.
    unsafe {
        if (*written).session == session {
            return 0;
        }
        let Some(carried) = CARRIED.get_ptr((*written).session) else { return 0 };
        if inode.read(offset!(inode_generation)) != Some((*written).generation)
            || (*written).at + BEFORE < (*carried).since
        {
            return 0;
        }
        let SecretTag { entry, grade, placed } = (*carried).tag;
        entry as u64 | (grade as u64) << 32 | (placed as u64) << 48
    }
}

/// Boot clock, seconds.
#[inline(always)]
fn now() -> u32 {
    // SAFETY: a helper without arguments.
    (unsafe { bpf_ktime_get_boot_ns() } / 1_000_000_000) as u32
}
