//! `cargo xtask vm --systemd`: a Debian of its own boots with systemd, gets the packages installed, upgraded, downgraded and removed,
//! and says what became of them (`boot/stages.sh`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    emulation,
    kernel::{self, Kernel},
    modules,
};
use crate::{
    apt, package,
    process::{self, Echo},
    repository::Repository,
    tally::Tally,
};

/// Further packages of the guest's.
const INCLUDED: &str =
    "systemd-sysv,dbus,libpam-systemd,logrotate,procps,iproute2,curl,python3-minimal,ca-certificates";
/// What the disk is found by.
const MODULES: &[&str] = &["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "crc32c-intel"];
const SUITE: &str = "bookworm";

/// `None` where this machine has no guest.
///
/// # Errors
/// The packages do not build, the guest cannot be laid out, or the emulator cannot be started.
pub fn run(
    repository: &Repository,
    series: kernel::Series,
    program: Option<&Path>,
    deadline: u64,
) -> Result<Option<Tally>> {
    let place = repository.target().join("vm");
    fs::create_dir_all(&place)?;
    let ready = emulation::ensure()
        .and_then(|()| apt::ensure(&[("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")]))
        .and_then(|()| kernel::ensure(&place, series));
    let kernel = match ready {
        Ok(kernel) => kernel,
        Err(error) => {
            eprintln!("SKIPPED: no guest on this machine: {error:#}");
            return Ok(None);
        }
    };
    let packages = package::two(repository, program)?;
    let place = place.join("boot");
    fs::create_dir_all(&place)?;
    let disk = disk(&place, &packages)?;
    let initramfs = initramfs(&place, &kernel)?;
    let mut command = Command::new("timeout");
    command.arg(deadline.to_string()).arg("qemu-system-x86_64");
    command.args([
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-m",
        "2G",
        "-smp",
        "2",
        "-nographic",
        "-nic",
        "none",
    ]);
    command.arg("-drive").arg(format!("file={},if=virtio,format=raw,cache=unsafe", disk.display()));
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(&initramfs);
    command.args([
        "-append",
        "console=ttyS0 quiet panic=30 mitigations=off systemd.show_status=0 lsm=capability,landlock,yama,bpf",
    ]);
    let ended = process::capture(&mut command, Echo::Only(|line| line.starts_with("BOOT ")))?;
    let log = ended.output.replace('\r', "");
    fs::write(place.join("log"), &log)?;
    let tally = tally(&log);
    if tally.failed > 0 {
        eprintln!(
            "{}",
            log.lines().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    Ok(Some(tally))
}

/// Each check counts as one, and an end that was not reached as a failure.
fn tally(log: &str) -> Tally {
    let count = |words: &str| log.lines().filter(|line| line.starts_with(words)).count() as u64;
    let ended = log.lines().any(|line| line == "BOOT ENDS");
    Tally { passed: count("BOOT ok "), failed: count("BOOT failed ") + u64::from(!ended), ..Tally::default() }
}

/// The guest's disk, made anew of a Debian that is kept.
fn disk(place: &Path, packages: &[PathBuf]) -> Result<PathBuf> {
    let base = place.join("base.tar");
    if !base.exists() {
        eprintln!("fetching Debian's {SUITE}");
        let part = place.join("base.part.tar");
        let include = format!("--include={INCLUDED}");
        process::answer(Command::new("mmdebstrap").args(["--variant=minbase", &include, SUITE]).arg(&part))?;
        fs::rename(part, &base)?;
    }
    let root = place.join("root");
    let _ = fs::remove_dir_all(&root); // of an earlier run
    fs::create_dir_all(&root)?;
    process::answer(
        Command::new("tar")
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(&base)
            .arg("--directory")
            .arg(&root),
    )?;
    let own = root.join("opt/boot");
    fs::create_dir_all(&own)?;
    for package in packages {
        fs::copy(package, own.join(package.file_name().context("a package has a name")?))?;
    }
    fs::write(own.join("stages.sh"), include_str!("boot/stages.sh"))?;
    fs::write(own.join("servers.py"), include_str!("boot/servers.py"))?;
    fs::write(root.join("etc/hostname"), "interlock-boot\n")?;
    fs::write(root.join("etc/fstab"), "/dev/vda / ext4 defaults 0 0\n")?;
    let unit = "[Unit]\nAfter=multi-user.target\n\n[Service]\nType=simple\nExecStart=/bin/bash /opt/boot/stages.sh\n\n\
                [Install]\nWantedBy=graphical.target multi-user.target\n";
    fs::write(
        root.join("etc/systemd/system/boot-stages.service"),
        unit.replace("After=multi-user.target", "After=systemd-user-sessions.service dbus.service"),
    )?;
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    std::os::unix::fs::symlink("/etc/systemd/system/boot-stages.service", wants.join("boot-stages.service"))?;
    let disk = place.join("disk.img");
    let _ = fs::remove_file(&disk);
    process::answer(Command::new("mke2fs").args(["-q", "-t", "ext4", "-d"]).arg(&root).arg(&disk).arg("3G"))?;
    Ok(disk)
}

fn initramfs(place: &Path, kernel: &Kernel) -> Result<PathBuf> {
    let root = place.join("initramfs");
    let _ = fs::remove_dir_all(&root); // of an earlier run
    for folder in ["bin", "lib"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(process::find("busybox").context("busybox is not installed")?, root.join("bin/busybox"))?;
    let files = modules::with_needs(kernel, MODULES)?;
    for file in &files {
        let to = root.join("lib").join(file);
        fs::create_dir_all(to.parent().unwrap_or(&root))?;
        fs::copy(kernel.modules().join(file), to).with_context(|| format!("{file} of the kernel"))?;
    }
    fs::write(root.join("modules"), files.join("\n"))?;
    fs::write(root.join("init"), include_str!("boot/init.sh"))?;
    let archive = place.join("initramfs.cpio");
    let script = format!(
        "chmod 0755 init bin/busybox; find . | busybox cpio -o -H newc -R 0:0 > {}",
        archive.display()
    );
    process::answer(Command::new("sh").current_dir(&root).args(["-c", &script]))?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_does_not_come_to_its_end_has_failed() {
        let log = "BOOT stage 1\nBOOT ok 1: a\nBOOT ok 1: b\nBOOT failed 2: c: x\n";
        assert_eq!(tally(log), Tally { passed: 2, failed: 2, skipped: 0 });
        assert_eq!(tally(&format!("{log}BOOT ENDS\n")).failed, 1);
        assert_eq!(tally("").failed, 1);
    }
}
