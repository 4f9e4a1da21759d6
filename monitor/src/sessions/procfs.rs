//! What `/proc` says of a process: for those that ran before a probe could see their exec.

use std::{fs, path::PathBuf};

use monitor_common::label::session_id;
use procfs::process::{Process as Proc, StatFlags};

use super::root;
use crate::facts::{BootNanos, Process, SessionId};

/// A running process with its image.
#[derive(Clone, Debug)]
pub struct Running {
    pub process: Process,
    pub env: Vec<(String, String)>,
}

/// Reads a process; `None` if it has ended or is a kernel thread.
#[must_use]
pub fn read(pid: u32) -> Option<Running> {
    let proc = Proc::new(i32::try_from(pid).ok()?).ok()?;
    let stat = proc.stat().ok()?;
    let args = proc.cmdline().ok()?;
    let executable = proc.exe().ok()?;
    let env = proc.environ().unwrap_or_default();
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    Some(Running {
        process: Process {
            pid,
            parent: u32::try_from(stat.ppid).unwrap_or(0),
            start: BootNanos(
                stat.starttime.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1)),
            ),
            executable: executable.to_string_lossy().into_owned(),
            args: args.into(),
            args_unknown: false,
        },
        env: env.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
    })
}

/// `(pid, parent)` of every process.
#[must_use]
pub fn parents() -> Vec<(u32, u32)> {
    let Ok(processes) = procfs::process::all_processes() else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|process| {
            let stat = process.stat().ok()?;
            Some((u32::try_from(stat.pid).ok()?, u32::try_from(stat.ppid).ok()?))
        })
        .collect()
}

/// The parent of a process; `None` for init, and where the process has ended.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    let stat = proc.and_then(|proc| proc.stat().ok())?;
    u32::try_from(stat.ppid).ok().filter(|parent| *parent > 0)
}

/// Whether `pid` is `ancestor` or descends from it.
#[must_use]
pub fn descends_from(pid: u32, ancestor: u32) -> bool {
    let mut next = pid;
    // As deep as a pid namespace can be; a loop in a snapshot that changes while it is read must end.
    for _ in 0..4096 {
        if next == ancestor {
            return true;
        }
        let stat =
            i32::try_from(next).ok().and_then(|pid| Proc::new(pid).ok()).and_then(|proc| proc.stat().ok());
        match stat.map(|stat| u32::try_from(stat.ppid).unwrap_or(0)) {
            Some(parent) if parent > 0 => next = parent,
            _ => return false,
        }
    }
    false
}

/// Whether the process is stopped by a signal.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    proc.and_then(|proc| proc.stat().ok()).is_some_and(|stat| stat.state == 'T')
}

/// Whether children of the process have ended and were waited for. The kernel counts their page faults, and each has had one
/// (`cmin_flt`, kernel/exit.c:wait_task_zombie).
#[must_use]
pub fn has_reaped(pid: u32) -> bool {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    proc.and_then(|proc| proc.stat().ok()).is_some_and(|stat| stat.cminflt + stat.cmajflt > 0)
}

/// Whether the process runs, or waits, and has not begun to end. What cannot be read is not said to.
#[must_use]
pub fn is_at_work(pid: u32) -> bool {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    let flags = proc.and_then(|proc| proc.stat().ok()).map(|stat| StatFlags::from_bits_truncate(stat.flags));
    flags.is_some_and(|flags| !flags.contains(StatFlags::PF_EXITING))
}

/// Its real user; `None` where it has ended. Neither the effective one, which a setuid program changes, nor the owner of
/// `/proc/PID`, which is root for whoever made itself undumpable (fs/proc/base.c:task_dump_owner, v6.1–v7.2).
#[must_use]
pub fn user(pid: u32) -> Option<u32> {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    proc.and_then(|proc| proc.status().ok()).map(|status| status.ruid)
}

/// Whether the process has a controlling terminal, so that a person may sit there; not where it has ended.
#[must_use]
pub fn has_terminal(pid: u32) -> bool {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    proc.and_then(|proc| proc.stat().ok()).is_some_and(|stat| stat.tty_nr != 0)
}

/// The program file as the kernel knows it.
#[must_use]
pub fn executable(pid: u32) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// Where the process works, as it calls the place itself.
#[must_use]
pub fn working_directory(pid: u32) -> Option<PathBuf> {
    root::as_seen_by(pid, "cwd")
}

#[must_use]
pub fn session_of(process: &Process) -> SessionId {
    SessionId(session_id(process.pid, process.start.0))
}
