//! Who answers for a process on this machine.
//!
//! In a user namespace a process runs as a number that nobody logs in with: rootless containers shift their users by the
//! hundred thousand. Whoever made the namespace is the person: that is who approves, and whose share of the sessions it is.

use std::{
    ffi::c_void,
    fs::{self, File},
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

use rustix::ioctl::{Getter, Ioctl, IoctlOutput, Opcode, ioctl, opcode};

use super::procfs;

/// User namespaces within each other, include/linux/user_namespace.h.
const NESTED_MAX: usize = 33;
/// `NS_GET_PARENT` and `NS_GET_OWNER_UID`, ioctl_nsfs(2).
const NS: u8 = 0xb7;
const PARENT: Opcode = opcode::none(NS, 2);
const OWNER: Opcode = opcode::none(NS, 4);

/// The user who made the outermost user namespace that the process is in below the daemon's; `user`, its own, where it is in
/// the daemon's, or where root made it: root gives numbers out on purpose. So does what cannot be looked at.
#[must_use]
pub fn person(pid: u32, user: u32) -> u32 {
    owner(pid).ok().flatten().filter(|owner| *owner != 0).unwrap_or(user)
}

fn owner(pid: u32) -> io::Result<Option<u32>> {
    let own = fs::metadata("/proc/self/ns/user")?.ino();
    let mut namespace = File::open(procfs::living(pid).join("ns/user"))?;
    let mut owner = None;
    for _ in 0..NESTED_MAX {
        if namespace.metadata()?.ino() == own {
            return Ok(owner);
        }
        // SAFETY: NS_GET_OWNER_UID writes a uid_t, which is 32 bits wide, to its argument.
        owner = Some(unsafe { ioctl(&namespace, Getter::<OWNER, u32>::new())? });
        // SAFETY: NS_GET_PARENT takes no argument; its result is what `Parent` says.
        namespace = unsafe { ioctl(&namespace, Parent)? }.into();
    }
    Ok(None)
}

/// `NS_GET_PARENT`: gives a descriptor as its result.
struct Parent;

// SAFETY: no argument is read or written; a result that is no error is a new descriptor, which is nobody else's.
unsafe impl Ioctl for Parent {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        PARENT
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: see above.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn in_the_daemons_own_namespace_everybody_answers_for_himself() {
        assert_eq!(person(std::process::id(), 1_234), 1_234);
        assert_eq!(person(u32::MAX, 1_234), 1_234, "it has ended");
    }

    #[test]
    fn the_maker_of_the_outermost_namespace_answers_for_it() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: another user's namespaces need root");
            return;
        }
        let nested = "exec unshare --map-user 7 sh -c 'echo ready; exec sleep 60'";
        let mut child = Command::new("setpriv")
            .args(["--reuid", "4242", "--clear-groups", "unshare", "--map-root-user", "sh", "-c", nested])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        // Each replaces the one before it, but for the shell in between.
        let pids = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let inner = pids.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(child.id());
        assert_eq!(person(inner, 4_242), 4_242);
        assert_eq!(person(inner, 99), 4_242, "whatever its own number is");
        let _ = Command::new("kill").args([inner.to_string(), child.id().to_string()]).status();
        child.wait().unwrap();
    }

    #[test]
    fn roots_namespaces_leave_their_users_what_they_are() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: user namespaces of others need root");
            return;
        }
        let mut child = Command::new("unshare")
            .args(["--map-root-user", "sh", "-c", "echo ready; exec sleep 60"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(person(child.id(), 101_000), 101_000);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
