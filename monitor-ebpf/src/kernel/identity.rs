//! Which file of the machine an inode is.

use monitor_common::{offsets::ABSENT, policy::InodeKey};

use crate::kernel::read::{Memory, Object, Structure, offset};

/// include/uapi/linux/magic.h.
const BTRFS_SUPER_MAGIC: u64 = 0x9123_683e;

/// `None` where something of it cannot be read.
#[inline(always)]
pub fn of_inode(inode: impl Structure) -> Option<InodeKey> {
    let sb = inode.follow(offset!(inode_sb))?;
    Some(InodeKey {
        ino: inode.read(offset!(inode_ino))?,
        dev: sb.read(offset!(sb_dev))?,
        space: space(sb, inode)?,
    })
}

/// Of what a dentry names; `None` also where it names nothing yet.
#[inline(always)]
pub fn of_dentry(dentry: impl Structure) -> Option<InodeKey> {
    of_inode(dentry.follow(offset!(dentry_inode))?)
}

/// The inode space that a number is of, see [`InodeKey`]. All subvolumes of a btrfs share one super block, and number their
/// inodes alike, from 256 on (fs/btrfs/btrfs_inode.h:BTRFS_I, fs/btrfs/inode.c:btrfs_getattr, v6.1–v7.2). 0 where btrfs came
/// to the kernel after the daemon had read its types: then the daemon asks for none either.
#[inline(always)]
pub fn space(sb: impl Structure, inode: impl Structure) -> Option<u32> {
    if offset!(btrfs_root_dev) == ABSENT as usize || sb.read::<u64>(offset!(sb_magic))? != BTRFS_SUPER_MAGIC {
        return Some(0);
    }
    // The inode is embedded in btrfs's own: what stands around it is not of the type that the verifier knows.
    let own = Object(inode.address().wrapping_sub(offset!(btrfs_inode_vfs)));
    own.follow(offset!(btrfs_inode_root))?.read(offset!(btrfs_root_dev))
}
