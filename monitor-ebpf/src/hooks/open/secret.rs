//! How a file is known as a secret, and whose it is.

use monitor_common::{
    event::file::matched,
    policy::{GRADE_NONE, InodeKey, SecretTag},
};

use super::{made, place};
use crate::{
    kernel::{Object, Structure, bloom, identity, name_hash, offset},
    maps::{FOLLOWED, FOLLOWED_BITS, SECRET_BITS, SECRET_INODES},
};

/// How a file is known as a secret.
#[derive(Clone, Copy)]
pub struct Secret {
    pub tag: SecretTag,
    /// One of `matched`.
    pub matched: u32,
    /// [`FOREIGN`], [`WORKSPACE`] or [`BY_PLACE`].
    pub place: u32,
}

const WORKSPACE: u32 = 0;
pub const FOREIGN: u32 = 1;
/// Where it lies tells, and who made it.
const BY_PLACE: u32 = 2;

impl Secret {
    /// Stands for no secret: an `Option` would make the compiler read a register that was never written.
    pub const NONE: Self = Self { tag: name_hash::NONE, matched: 0, place: WORKSPACE };

    #[inline(always)]
    pub fn is_none(self) -> bool {
        self.tag.grade == GRADE_NONE
    }

    /// Whether the session has no business with it.
    #[inline(always)]
    pub fn is_foreign(self, session: u64, file: InodeKey, dentry: Object) -> bool {
        if self.place != BY_PLACE {
            return self.place == FOREIGN;
        }
        !self.is_made(session, file, dentry) && !place::in_workspace(session, file, dentry)
    }

    /// Whether it is of the session's own making.
    #[inline(always)]
    pub fn is_made(self, session: u64, file: InodeKey, dentry: Object) -> bool {
        self.place == BY_PLACE && self.tag.placed == 0 && made::by(session, file, dentry)
    }
}

/// What kind of secret a file is: by its inode, by the name that it had when it was renamed, by the name it has now.
/// `None`: its name cannot be read.
#[inline(always)]
pub fn recognise(key: InodeKey, dentry: impl Structure) -> Option<Secret> {
    let secret = by_inode(key, dentry)?;
    if secret.is_none() {
        let name_hash::Named { file, parent } = name_hash::of(dentry)?;
        return Some(by_name(file, parent));
    }
    Some(secret)
}

#[inline(always)]
pub fn by_inode(key: InodeKey, dentry: impl Structure) -> Option<Secret> {
    // Tagged inodes are credential stores outside of every workspace: a hard link into one changes nothing.
    if bloom::passes(&SECRET_BITS, key.hash())
        // SAFETY: the value is copied out at once; entries are replaced whole.
        && let Some(tag) = unsafe { SECRET_INODES.get(key) }.copied()
    {
        return Some(Secret { tag, matched: matched::INODE, place: FOREIGN });
    }
    if bloom::passes(&FOLLOWED_BITS, key.hash())
        // SAFETY: as above.
        && let Some(followed) = unsafe { FOLLOWED.get(key) }.copied()
        && dentry.follow(offset!(dentry_inode))?.read::<u32>(offset!(inode_generation))?
            == followed.generation
    {
        return Some(Secret { tag: followed.tag, matched: matched::INODE, place: followed.foreign });
    }
    Some(Secret::NONE)
}

/// Whether an open file is a secret by its inode. `None`: it cannot be read.
#[inline(always)]
pub fn is_tagged(file: Object) -> Option<bool> {
    let dentry = file.at(offset!(file_path)).follow(offset!(path_dentry))?;
    Some(!by_inode(identity::of_dentry(dentry)?, dentry)?.is_none())
}

#[inline(always)]
pub fn by_name(file: name_hash::Hashes, parent: (u64, u64)) -> Secret {
    let tag = name_hash::tag(&file, parent);
    if tag.grade == GRADE_NONE {
        Secret::NONE
    } else {
        Secret { tag, matched: matched::NAME, place: BY_PLACE }
    }
}
