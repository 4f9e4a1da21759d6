//! Where a file lies: in its session's workspace, or not.

use monitor_common::{event::file::WALK, policy::InodeKey};

use crate::{
    kernel::{Memory, Object, Structure, identity, offset},
    maps::{FOREIGN_DIRECTORIES, SESSIONS},
};

/// Whether the workspace's directory is among the file's ancestors. Unknown, or deeper than [`WALK`]: no.
#[inline(always)]
pub fn in_workspace(session: u64, key: InodeKey, file: Object) -> bool {
    let Some(state) = SESSIONS.get_ptr(session) else { return false };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads of fields written once.
    let workspace = unsafe {
        InodeKey { ino: (*state).workspace_ino, dev: (*state).workspace_dev, space: (*state).workspace_space }
    };
    if workspace.ino == 0 || workspace.dev != key.dev {
        return false;
    }
    let mut dentry = file;
    for _ in 0..WALK {
        let Some(parent) = dentry.follow(offset!(dentry_parent)) else { return false };
        if parent.0 == dentry.0 {
            return false;
        }
        let Some(inode) = parent.follow(offset!(dentry_inode)) else { return false };
        let Some(directory) = identity::of_inode(inode) else { return false };
        if directory == workspace {
            return true;
        }
        // SAFETY: a 32-bit value, copied out at once.
        if let Some(generation) = unsafe { FOREIGN_DIRECTORIES.get(directory) }.copied()
            && inode.read(offset!(inode_generation)) == Some(generation)
        {
            return false;
        }
        dentry = parent;
    }
    false
}
