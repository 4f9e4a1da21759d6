//! The child that the proof is made with, seen from its parent.

use std::{
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::act::{Act, Answer, READY, Scene};

/// For a program to start on the slowest machine that is emulated.
const START: Duration = Duration::from_secs(20);

/// Dropping it ends it.
pub struct Child {
    child: process::Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Bytes of a line that is not whole yet.
    pending: Vec<u8>,
    /// From its start to its first word: how slow this machine is.
    pace: Duration,
}

impl Child {
    /// Starts it, without this process's environment: nobody shall take it for an agent.
    pub fn start(scene: &Scene) -> io::Result<Self> {
        let started = Instant::now();
        let mut child = Command::new("/proc/self/exe")
            .arg("prove")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut child = Self { child, input, output, pending: Vec::new(), pace: Duration::ZERO };
        child.say(&serde_json::to_string(scene)?)?;
        let first = child.line(started + START)?;
        child.pace = started.elapsed();
        match first {
            Some(word) if word == READY => Ok(child),
            Some(word) => Err(io::Error::other(format!("it said `{word}` instead of `{READY}`"))),
            None => Err(io::Error::other(format!("it said nothing within {START:?}"))),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// For everything that is asked of it. A machine that is slow to start a program is slow at everything.
    pub fn limit(&self) -> Duration {
        (self.pace * 50).clamp(Duration::from_secs(2), Duration::from_secs(20))
    }

    /// For what is as good as done.
    pub fn timeout(&self) -> Duration {
        (self.pace * 2).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }

    pub fn ask(&mut self, act: Act) -> io::Result<()> {
        self.say(&serde_json::to_string(&act)?)
    }

    /// Readable when it has said something.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes())
    }

    /// What became of the act, if that is known by `until`.
    ///
    /// # Errors
    /// It has ended, or says what is not understood.
    pub fn answer(&mut self, until: Instant) -> io::Result<Option<Answer>> {
        self.line(until)?.map(|line| serde_json::from_str(&line).map_err(io::Error::from)).transpose()
    }

    /// One line; `None` when the time is over.
    fn line(&mut self, until: Instant) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if !is_readable(self.output.as_fd(), until.saturating_duration_since(Instant::now())) {
                return Ok(None);
            }
            let mut piece = [0; 512];
            match self.output.read(&mut piece)? {
                0 => return Err(io::Error::other("it has ended")),
                read => self.pending.extend_from_slice(piece.get(..read).unwrap_or_default()),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// Whether there is something to read, or something comes within `timeout`.
pub fn is_readable(what: BorrowedFd<'_>, timeout: Duration) -> bool {
    let Ok(timeout) = Timespec::try_from(timeout) else { return false };
    poll(&mut [PollFd::from_borrowed_fd(what, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// Continues a process that a hook has stopped. It is stopped for good before: a signal that comes too early would be
/// lost with the stop.
pub fn wake(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let handle: OwnedFd = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(pidfd_send_signal(&handle, Signal::CONT)?)
}
