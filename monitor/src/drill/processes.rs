//! Ending the processes that the drill started, and only those.

use std::{
    fs,
    os::fd::OwnedFd,
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid},
};

/// For killed processes to be gone. Longer only where the kernel itself is stuck.
const GONE: Duration = Duration::from_secs(5);

/// Asks a child to end by SIGTERM, then does as [`wait_or_kill`].
///
/// # Errors
/// The kernel knows no such child.
pub fn end(child: &mut Child, grace: Duration) -> Result<ExitStatus> {
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    pidfd_send_signal(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?, Signal::TERM)?;
    wait_or_kill(child, grace)
}

/// Waits for a child, and kills it when it has not ended within `grace`.
///
/// # Errors
/// The kernel knows no such child.
pub fn wait_or_kill(child: &mut Child, grace: Duration) -> Result<ExitStatus> {
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    if !ends_within(&pidfd_open(Pid::from_child(child), PidfdFlags::empty())?, grace) {
        child.kill()?;
    }
    Ok(child.wait()?)
}

/// A process descriptor becomes readable when its process ends.
fn ends_within(process: &OwnedFd, limit: Duration) -> bool {
    let Ok(limit) = Timespec::try_from(limit) else { return false };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)).is_ok_and(|ready| ready > 0)
}

/// Kills every child of this process, and their children as they are orphaned, until there is none.
///
/// The process must be a child subreaper, and hold no [`Child`] that it still wants to wait for. A stopped or frozen
/// process dies of SIGKILL like any other.
///
/// # Errors
/// `/proc` does not list children, or they do not go away.
pub fn end_all_children() -> Result<()> {
    let start = Instant::now();
    loop {
        let children = children()?;
        if children.is_empty() {
            return Ok(());
        }
        if start.elapsed() > GONE {
            bail!("these processes of the drill do not end: {children:?}");
        }
        children.into_iter().for_each(kill_and_reap);
    }
}

/// Whether no child of this process is alive; those that have ended are reaped.
///
/// # Errors
/// The kernel's answer is not understood.
pub fn none_is_left() -> Result<bool> {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(rustix::io::Errno::CHILD) => return Ok(true),
            Err(why) => return Err(why).context("the sandbox's children cannot be asked for"),
        }
    }
}

/// The pid stays the child's until it is reaped, here, so nobody else can be hit.
fn kill_and_reap(child: Pid) {
    let Ok(handle) = pidfd_open(child, PidfdFlags::empty()) else { return };
    let _ = pidfd_send_signal(&handle, Signal::KILL);
    ends_within(&handle, Duration::from_secs(1));
    let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}

/// The children of all threads of this process.
fn children() -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for thread in fs::read_dir("/proc/self/task").context("/proc/self/task cannot be read")?.flatten() {
        // A thread that has just ended has handed its children to another one.
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::ExitStatusExt,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_polite_child_ends_by_term_and_a_deaf_one_by_kill() {
        let mut polite = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(end(&mut polite, GONE).unwrap().signal(), Some(15));

        let script = "trap '' TERM; echo ready; while :; do read -t 1 <> <(:); done";
        let mut deaf = Command::new("bash").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(deaf.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(end(&mut deaf, Duration::ZERO).unwrap().signal(), Some(9));
    }
}
