//! Who is at the other end of a connection, as the kernel says; nothing is taken from the request.

use std::{
    fmt,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use nix::{
    errno::Errno,
    sys::socket::{getsockopt, sockopt},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::net::UnixStream;

use super::writers::Strangers;
use interlock_host::proc::procfs;

/// Who asks: read from the socket when the connection was accepted, never from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub pid: u32,
    pub uid: u32,
    pub gid: u32,
    /// Of the groups that matter for its request, those that the user database has it in; `None` where that was not looked up.
    pub groups: Option<Result<Vec<String>, String>>,
    /// The process itself, which `pid` alone is not: see [`PeerProcess::is_alive`]. `None` in tests only.
    pub process: Option<PeerProcess>,
    /// Who else has written on its connection, up to now.
    pub strangers: Strangers,
}

impl Caller {
    /// Groups that are known of it. Fails closed: where the user database does not answer, it is in none.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        match &self.groups {
            Some(Ok(groups)) => groups,
            Some(Err(_)) | None => &[],
        }
    }
}

/// The process that connected, by pidfd: its number may be used again, this is not.
#[derive(Clone)]
pub struct PeerProcess {
    pid: Pid,
    pidfd: Arc<OwnedFd>,
}

impl PeerProcess {
    /// Whether the process lives, and has not begun to end. An agent could have a child connect and end, and go on with
    /// the connection: what is known about the pid is worth nothing then. A label is gone as soon as its last thread
    /// begins to end, and a large process takes seconds from there until its pidfd says so.
    ///
    /// Whatever was looked up about the pid *before* this says true was the living process's own.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        // In this order: as long as the process has not ended, its number is nobody else's.
        procfs::is_at_work(self.pid.as_raw_nonzero().get().cast_unsigned()) && !self.has_ended()
    }

    fn has_ended(&self) -> bool {
        let mut ended = [PollFd::new(&self.pidfd, PollFlags::IN)];
        // A pidfd becomes readable when its process ends. Not being able to ask is no proof of life.
        !matches!(poll(&mut ended, Some(&Timespec::default())), Ok(0))
    }
}

impl fmt::Debug for PeerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_alive() { "PeerProcess(alive)" } else { "PeerProcess(ended)" })
    }
}

impl PartialEq for PeerProcess {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pidfd, &other.pidfd)
    }
}

impl Eq for PeerProcess {}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    #[error("the caller's credentials cannot be read: {0}")]
    Credentials(String),
    #[error("the caller has no process id here; connect from the daemon's pid namespace or one below it")]
    NoPid,
    #[error("the calling process has ended or cannot be followed: {0}")]
    Ended(String),
}

/// The process that connected `stream`.
///
/// # Errors
/// When the kernel does not say who it is: then nobody can say what it may do.
pub fn identify(stream: &UnixStream) -> Result<Caller, Unidentified> {
    let credentials = stream.peer_cred().map_err(|error| Unidentified::Credentials(error.to_string()))?;
    let pid = credentials.pid().and_then(Pid::from_raw).ok_or(Unidentified::NoPid)?;
    let pidfd = follow(stream, pid).map_err(Unidentified::Ended)?;
    Ok(Caller {
        pid: pid.as_raw_nonzero().get().cast_unsigned(),
        uid: credentials.uid(),
        gid: credentials.gid(),
        groups: None,
        process: Some(PeerProcess { pid, pidfd: Arc::new(pidfd) }),
        strangers: Strangers::default(),
    })
}

fn follow(stream: &UnixStream, pid: Pid) -> Result<OwnedFd, String> {
    match getsockopt(&stream.as_fd(), sockopt::PeerPidfd) {
        // Before Linux 6.5 the number is all there is; it could have been used again since the caller connected,
        // which takes all of pid space between two system calls.
        Err(Errno::ENOPROTOOPT) => pidfd_open(pid, PidfdFlags::empty()).map_err(|error| error.to_string()),
        answer => answer.map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn the_caller_is_this_very_process() {
        let (here, _there) = UnixStream::pair().unwrap();
        let caller = identify(&here).unwrap();
        assert_eq!(caller.pid, std::process::id());
        assert_eq!(caller.uid, rustix::process::getuid().as_raw());
        assert!(caller.process.is_some_and(|process| process.is_alive()));
    }

    #[test]
    fn a_process_that_ended_is_seen_to_have_ended() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let pidfd = Arc::new(pidfd_open(pid, PidfdFlags::empty()).unwrap());
        let process = PeerProcess { pid, pidfd };
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
