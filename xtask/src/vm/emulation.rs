//! Programs that build and run a guest, installed where they are missing.

use anyhow::Result;

use crate::apt;

/// Programs and their Debian packages.
const NEEDED: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("dpkg-deb", "dpkg"),
    ("xz", "xz-utils"),
    ("strip", "binutils"),
    ("python3", "python3"),
];

/// # Errors
/// Something is missing and cannot be installed; names all of it.
pub fn ensure() -> Result<()> {
    apt::ensure(NEEDED)
}
