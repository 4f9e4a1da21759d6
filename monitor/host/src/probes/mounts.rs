//! File systems the probes need: tracefs for tracepoints, bpffs for pins, cgroup v2 for flows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};

use super::error::ProbeError;

const TRACEFS: &str = "/sys/kernel/tracing";
const SECURITYFS: &str = "/sys/kernel/security";
const BPFFS: &str = "/sys/fs/bpf";

/// Mounts tracefs where it is not (systemd does it on demand; minimal systems don't).
///
/// # Errors
/// The mount is refused.
pub fn ensure_tracefs() -> Result<(), ProbeError> {
    let mounted =
        [TRACEFS, "/sys/kernel/debug/tracing"].iter().any(|dir| Path::new(dir).join("events").is_dir());
    if mounted { Ok(()) } else { mount_at("tracefs", TRACEFS, None) }
}

/// Mounts securityfs where it is not, and is not asked for more: only advice depends on it.
pub fn try_securityfs() {
    if type_of(Path::new(SECURITYFS)).is_none() {
        let _ = mount_at("securityfs", SECURITYFS, None);
    }
}

/// Mounts bpffs where it is not, if `pins` lies below it. For root alone, as systemd does; the kernel's default is everybody.
///
/// # Errors
/// The mount is refused.
pub fn ensure_bpffs(pins: &Path) -> Result<(), ProbeError> {
    if !pins.starts_with(BPFFS) || type_of(Path::new(BPFFS)).as_deref() == Some("bpf") {
        return Ok(());
    }
    mount_at("bpf", BPFFS, Some("mode=0700"))
}

/// Checks that pins can be kept at `path`, which is there.
///
/// # Errors
/// It lies in no BPF file system: the kernel would only say EINVAL or EPERM of each pin.
pub fn check_bpffs(path: &Path) -> Result<(), ProbeError> {
    let found =
        statfs(path).map_err(|error| ProbeError::PinDirectory { path: path.into(), source: error.into() })?;
    let is_bpf = found.filesystem_type() == BPF_FS_MAGIC;
    if is_bpf { Ok(()) } else { Err(ProbeError::PinsNotBpf { path: path.into() }) }
}

fn mount_at(kind: &'static str, at: &str, options: Option<&str>) -> Result<(), ProbeError> {
    mount(Some(kind), at, Some(kind), MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, options)
        .map_err(|source| ProbeError::Mount { what: kind, path: at.into(), source })
}

/// The cgroup v2 mount point, as the kernel lists it for this process.
#[must_use]
pub fn cgroup2() -> Option<PathBuf> {
    entries().into_iter().find(|(_, kind)| kind == "cgroup2").map(|(at, _)| at)
}

/// Checks that `path` is a cgroup v2 mount.
///
/// # Errors
/// It is not.
pub fn check_cgroup2(path: &Path) -> Result<(), ProbeError> {
    if path.join("cgroup.procs").is_file() && path.join("cgroup.controllers").is_file() {
        Ok(())
    } else {
        Err(ProbeError::NoCgroup { path: path.into() })
    }
}

fn type_of(at: &Path) -> Option<String> {
    entries().into_iter().rev().find(|(path, _)| path == at).map(|(_, kind)| kind)
}

/// `(mount point, type)`, from `/proc/self/mounts` (proc(5)).
fn entries() -> Vec<(PathBuf, String)> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((PathBuf::from(fields.next()?), fields.next()?.to_owned()))
        })
        .collect()
}
