//! Programs that build and run a guest, installed where they are missing.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

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
    ensure_all(NEEDED)
}

/// Programs and their Debian packages.
///
/// # Errors
/// As [`ensure`].
pub fn ensure_all(needed: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| process::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if process::find("apt-get").is_none() || !process::is_root() {
        bail!("{names} missing; install them (names are Debian's)");
    }
    eprintln!("installing {names}");
    process::answer(Command::new("apt-get").args(["--quiet", "update"])).context("no package lists")?;
    let mut command = Command::new("apt-get");
    command.args(["--quiet", "install", "--yes", "--no-install-recommends"]).args(&missing);
    process::answer(command.env("DEBIAN_FRONTEND", "noninteractive"))
        .with_context(|| format!("install {names}"))?;
    Ok(())
}
