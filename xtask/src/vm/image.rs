//! The guest's file system: busybox, the daemon, the script; packed as an initramfs.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{process, repository::Repository};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const GUEST: &str = include_str!("guest.sh");
const FOLDERS: &[&str] = &["bin", "proc", "sys", "dev", "tmp", "run", "etc", "root/.railway", "work/.git"];

/// Builds `interlock` without shared libraries and packs it; gives the archive.
pub fn build(repository: &Repository, place: &Path) -> Result<PathBuf> {
    let interlock = interlock(repository, place)?;
    let root = place.join("root");
    let _ = fs::remove_dir_all(&root); // of an earlier run
    for folder in FOLDERS {
        fs::create_dir_all(root.join(folder)).with_context(|| format!("{folder} cannot be made"))?;
    }
    copy(&interlock, &root.join("bin/interlock"))?;
    let busybox = process::find("busybox").context("busybox is not installed")?;
    copy(&busybox, &root.join("bin/busybox"))?;
    let applets = process::answer(Command::new(&busybox).arg("--list"))?;
    for applet in applets.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet)).with_context(|| format!("link of {applet}"))?;
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("root/.railway/config.json"), "{\"token\":\"not-real\"}\n")?;
    fs::write(root.join("init"), GUEST)?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    pack(&busybox, &root, place)
}

fn interlock(repository: &Repository, place: &Path) -> Result<PathBuf> {
    eprintln!("building a static interlock");
    let target = place.join("target");
    let mut command = Command::new("cargo");
    command.current_dir(repository.root()).args(["build", "--quiet", "--locked", "--package", "interlock"]);
    command.args(["--target", TARGET, "--target-dir"]).arg(&target);
    process::succeed(command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static -Cstrip=symbols"))?;
    Ok(target.join(TARGET).join("debug/interlock"))
}

fn pack(busybox: &Path, root: &Path, place: &Path) -> Result<PathBuf> {
    let archive = place.join("initramfs.cpio.gz");
    let script =
        format!("find . | {0} cpio -o -H newc | {0} gzip -1 > {1}", busybox.display(), archive.display());
    process::answer(Command::new("sh").current_dir(root).args(["-c", &script]))?;
    Ok(archive)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
