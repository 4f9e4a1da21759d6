//! What sessions made themselves: a file that a session created holds nothing that it did not know, whatever its name.
//!
//! A copy of a credential that it read elsewhere was seen when that was read. Only an inode that was made by an open counts, so a
//! file that is moved, linked or mounted from elsewhere stays what it was. Where the file system keeps no generations
//! (overlayfs), the number of a file that was deleted can be another's later: the LRU forgets it, and until then it is taken for
//! the session's own.

use monitor_common::policy::{InodeKey, Made};

use crate::{
    kernel::{Memory, Object, Structure, offset},
    maps::MADE,
};

/// Notes a file that `session` has just created. An LRU cannot be full; an insert that fails leaves the file one that was found.
#[inline(always)]
pub fn note(session: u64, file: InodeKey, inode: impl Structure) {
    let Some(generation) = inode.read(offset!(inode_generation)) else { return };
    let _ = MADE.insert(file, Made { session, generation, reserved: 0 }, 0);
}

#[inline(always)]
pub fn by(session: u64, file: InodeKey, dentry: Object) -> bool {
    // SAFETY: the value is copied out at once; entries are replaced whole.
    let Some(made) = unsafe { MADE.get(file) }.copied() else { return false };
    let generation =
        dentry.follow(offset!(dentry_inode)).and_then(|inode| inode.read(offset!(inode_generation)));
    made.session == session && generation == Some(made.generation)
}
