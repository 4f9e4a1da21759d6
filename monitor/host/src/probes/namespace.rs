//! The kernel programs know processes by their numbers in the machine's own pid namespace, the daemon by those of its own.

use std::{fs, io, os::unix::fs::MetadataExt as _};

use super::error::ProbeError;

/// Inode of the first pid namespace, which all others lie in: `PROC_PID_INIT_INO`, include/linux/proc_ns.h, v6.1.
const FIRST: u64 = 0xEFFF_FFFC;

/// Checks that this process is in the machine's own pid namespace.
///
/// # Errors
/// It is in another, or nobody can say. Fails closed: labels, signals and freezes would meet other processes.
pub fn check_pids() -> Result<(), ProbeError> {
    match pid_namespace() {
        Ok(FIRST) => Ok(()),
        Ok(_) => Err(ProbeError::OtherPids { reason: "this is a pid namespace of its own".into() }),
        Err(error) => Err(ProbeError::OtherPids { reason: format!("/proc/self/ns/pid: {error}") }),
    }
}

fn pid_namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|namespace| namespace.ino())
}
