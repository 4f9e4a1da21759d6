//! What this machine lets the probes do, without starting anything: `interlock doctor`.

use std::{path::Path, sync::OnceLock};

use super::{mounts, namespace, offsets};
use crate::proc::seat::Pushing;
use interlock_core::health::{Check, CheckState};

/// Checks the ground the daemon stands on.
#[must_use]
pub fn doctor() -> Vec<Check> {
    vec![privileges(), pids(), kernel_types(), lsm(), cgroup(), terminals()]
}

fn check(subject: &str, state: CheckState, found: impl Into<String>, advice: Option<&str>) -> Check {
    Check { subject: subject.into(), state, found: found.into(), advice: advice.map(Into::into) }
}

fn privileges() -> Check {
    if nix::unistd::geteuid().is_root() {
        check("privileges", CheckState::Good, "root", None)
    } else {
        check(
            "privileges",
            CheckState::Missing,
            "not root",
            Some("the daemon must run as root (systemd does it)"),
        )
    }
}

fn pids() -> Check {
    match namespace::check_pids() {
        Ok(()) => check("pid namespace", CheckState::Good, "the machine's own", None),
        Err(error) => check(
            "pid namespace",
            CheckState::Missing,
            error.to_string(),
            Some("run the daemon outside of containers, or with --pid=host"),
        ),
    }
}

/// Megabytes are read for it, anybody may ask, and it does not change before the next boot.
fn kernel_types() -> Check {
    static FOUND: OnceLock<Check> = OnceLock::new();
    FOUND.get_or_init(look_at_kernel_types).clone()
}

fn look_at_kernel_types() -> Check {
    match offsets::resolve(Path::new(offsets::VMLINUX)) {
        Ok(_) => check("kernel types", CheckState::Good, offsets::VMLINUX, None),
        Err(error) => check(
            "kernel types",
            CheckState::Missing,
            error.to_string(),
            Some("use a kernel built with CONFIG_DEBUG_INFO_BTF=y"),
        ),
    }
}

/// The active LSMs; empty where securityfs cannot be had.
fn lsm_list() -> String {
    mounts::try_securityfs();
    std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default().trim().to_owned()
}

/// Whether the kernel's list of LSMs has bpf, without mounting anything; `None` where it cannot be read.
#[must_use]
pub fn lsm_list_names_bpf() -> Option<bool> {
    let list = std::fs::read_to_string("/sys/kernel/security/lsm").ok()?;
    Some(names_bpf(list.trim()))
}

fn names_bpf(list: &str) -> bool {
    list.split(',').any(|name| name == "bpf")
}

/// Whether the kernel runs LSM programs by its own account; `None` where it does not say.
#[must_use]
pub fn lsm_runs_bpf() -> Option<bool> {
    let list = lsm_list();
    (!list.is_empty()).then(|| names_bpf(&list))
}

fn lsm() -> Check {
    let list = lsm_list();
    if names_bpf(&list) {
        return check("LSM list", CheckState::Good, list, None);
    }
    if list.is_empty() {
        let advice = "mount -t securityfs none /sys/kernel/security";
        return check("LSM list", CheckState::Limited, "unknown (securityfs is not mounted)", Some(advice));
    }
    // `lsm=` replaces the whole list; the capability module is always first and never named in it.
    let named = list.split(',').filter(|name| *name != "capability").chain(["bpf"]).collect::<Vec<_>>();
    let advice = format!("to hold and deny opens and execs boot with lsm={}", named.join(","));
    check("LSM list", CheckState::Limited, list, Some(&advice))
}

fn cgroup() -> Check {
    match mounts::cgroup2() {
        Some(path) => check("cgroup v2", CheckState::Good, path.display().to_string(), None),
        None => check(
            "cgroup v2",
            CheckState::Missing,
            "not mounted",
            Some(
                "mount -t cgroup2 none /sys/fs/cgroup/unified (or boot with systemd.unified_cgroup_hierarchy=1)",
            ),
        ),
    }
}

/// Whether an agent can type into the terminal of the person who started it.
fn terminals() -> Check {
    let (state, found, advice) = match Pushing::of_this_machine() {
        Pushing::Forbidden => (CheckState::Good, "no process types for the person", None),
        Pushing::Switched => (
            CheckState::Limited,
            "agents can type into their terminal",
            Some("sysctl dev.tty.legacy_tiocsti=0"),
        ),
        Pushing::Always => {
            let advice = "decide from another terminal than the agent's; Linux 6.2 can forbid it";
            (CheckState::Limited, "agents can type into their terminal", Some(advice))
        }
    };
    check("terminals", state, found, advice)
}
