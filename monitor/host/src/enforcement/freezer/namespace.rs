//! The machine's own cgroup namespace: a container runtime gives a container on cgroup v2 one of its own, in which the groups of
//! everybody else begin with `/..` and have no directory.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
};

use nix::sched::{CloneFlags, setns};

/// Inode of the first cgroup namespace: `PROC_CGROUP_INIT_INO`, include/linux/proc_ns.h, v6.1.
const FIRST: u64 = 0xEFFF_FFFB;

/// Joins the cgroup namespace of the machine's first process, for the calling thread and what it starts from then on. Nothing
/// changes where it is in the first one already.
///
/// # Errors
/// `CAP_SYS_ADMIN` is missing, or `CAP_SYS_PTRACE` to look at that process.
pub fn join_the_machines() -> io::Result<()> {
    if fs::metadata("/proc/self/ns/cgroup")?.ino() == FIRST {
        return Ok(());
    }
    let machines = File::open("/proc/1/ns/cgroup")?;
    setns(machines, CloneFlags::CLONE_NEWCGROUP).map_err(io::Error::from)
}
