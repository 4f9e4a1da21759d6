//! What lies below a file of an overlay: the kernel opens that one itself, and calls no syscall for it. Who mounts an overlay over a
//! store would read it under another identity.

use monitor_common::{offsets::ABSENT, policy::InodeKey};

use super::secret::{FOREIGN, Secret};
use crate::{
    kernel::{Memory, Object, Structure, bloom, identity, name_hash, offset},
    maps::{SECRET_BITS, SECRET_INODES},
};

/// include/uapi/linux/magic.h.
const OVERLAYFS_SUPER_MAGIC: u64 = 0x794c_7630;
/// The dentry in `struct ovl_path`, and up to v6.1 in `struct path`: behind a pointer (fs/overlayfs/ovl_entry.h, v6.1–v7.2).
const DENTRY: usize = 8;

/// The secret that a file of an overlay shows, or was copied from. Where the kernel's types of overlays were not known when the daemon
/// started: none.
#[inline(always)]
pub fn secret(magic: u64, inode: impl Structure) -> Secret {
    if magic != OVERLAYFS_SUPER_MAGIC || offset!(overlay_inode_vfs) == ABSENT as usize {
        return Secret::NONE;
    }
    // The inode is embedded in overlayfs's own.
    let own = Object(inode.address().wrapping_sub(offset!(overlay_inode_vfs)));
    let upper = tagged(own.follow(offset!(overlay_inode_upper)));
    if upper.is_none() { tagged(lower(own)) } else { upper }
}

#[inline(always)]
fn lower(own: Object) -> Option<Object> {
    if offset!(overlay_inode_entry) == ABSENT as usize {
        return own.follow(offset!(overlay_inode_lower) + DENTRY);
    }
    let entry = own.follow(offset!(overlay_inode_entry))?;
    if entry.read::<u32>(offset!(overlay_entry_count))? == 0 {
        return None;
    }
    entry.follow(offset!(overlay_entry_stack) + DENTRY)
}

#[inline(always)]
fn tagged(dentry: Option<Object>) -> Secret {
    let Some(key) = dentry.and_then(identity::of_dentry) else { return Secret::NONE };
    known(key)
}

#[inline(always)]
fn known(key: InodeKey) -> Secret {
    let tag = if bloom::passes(&SECRET_BITS, key.hash()) {
        // SAFETY: the value is copied out at once; entries are replaced whole.
        unsafe { SECRET_INODES.get(key) }.copied().unwrap_or(name_hash::NONE)
    } else {
        name_hash::NONE
    };
    Secret { tag, matched: monitor_common::event::file::matched::INODE, place: FOREIGN }
}
