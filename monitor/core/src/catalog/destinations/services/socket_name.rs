//! The names by which the kernel finds what services have.

use monitor_common::hash;

use crate::catalog::path::basename;

/// The name by which the kernel finds a service's socket: its file's, and its directory's where that says more.
///
/// It is coarser than the path: [`super::Services::socket`] judges what it found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketName {
    pub name: String,
    pub parent: Option<String>,
    /// Index for [`super::Services::id`].
    pub service: u32,
}

impl SocketName {
    /// The key of the kernel's name table, see [`monitor_common::hash`].
    #[must_use]
    pub fn key(&self) -> u64 {
        let name = hash::name(hash::EXACT, self.name.as_bytes());
        match &self.parent {
            Some(parent) => hash::pair(hash::name(hash::EXACT, parent.as_bytes()), name),
            None => name,
        }
    }
}

/// The name of the pattern's sockets, where it is written out.
pub fn kernel_name(pattern: &str, service: u32) -> Option<SocketName> {
    let (directory, name) = pattern.rsplit_once('/').filter(|_| !pattern.starts_with('@'))?;
    let parent = basename(directory);
    is_plain(name).then(|| SocketName {
        name: name.to_owned(),
        parent: is_plain(parent).then(|| parent.to_owned()),
        service,
    })
}

/// A name that is written out.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text != "~" && !text.contains(['*', '?', '[', ']'])
}
