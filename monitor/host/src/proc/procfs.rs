//! What `/proc` says of a process: for those that ran before a probe could see their exec.

use std::{
    fs,
    path::{Path, PathBuf},
};

use monitor_common::label::session_id;
use procfs::process::Process as Proc;

use super::life::{Life, Stat, life};
use interlock_core::facts::{BootNanos, Process, SessionId};

/// Threads of one process that are looked at for one that lives.
const THREADS_MAX: usize = 4096;

/// A running process with its image.
#[derive(Clone, Debug)]
pub struct Running {
    pub process: Process,
    pub env: Vec<(String, String)>,
}

/// Reads a process; `None` if it has ended or is a kernel thread.
#[must_use]
pub fn read(pid: u32) -> Option<Running> {
    let stat = Proc::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let proc = Proc::new_with_root(living(pid)).ok()?;
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

/// Where `/proc` has what a process's threads share (`fd`, `cwd`, `exe`, `root`, `ns`, its memory): `/proc/PID`, or another
/// thread's directory where the first one has ended and others run on (`pthread_exit` in `main`). That of the first is empty then,
/// as its shares are gone (kernel/exit.c:do_exit, `exit_mm`, `exit_files`, `exit_fs`, `exit_task_namespaces`, v6.1–v7.2).
#[must_use]
pub fn living(pid: u32) -> PathBuf {
    let process = PathBuf::from(format!("/proc/{pid}"));
    // One call for all who live as one expects. Who has memory has a program.
    let lives = |directory: &PathBuf| fs::read_link(directory.join("exe")).is_ok();
    if lives(&process) {
        return process;
    }
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten().take(THREADS_MAX);
    threads.map(|thread| thread.path()).find(lives).unwrap_or(process)
}

/// `(pid, parent)` of every process.
#[must_use]
pub fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One read of each: there may be tens of thousands, and whoever begins a session waits for all.
    pids.filter_map(|pid: u32| Some((pid, Stat::read(&format!("/proc/{pid}/stat")).ok()?.parent))).collect()
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

/// Page faults of the process's children that have ended and were waited for: each child has had some (`cmin_flt`,
/// kernel/exit.c:wait_task_zombie). It goes on counting when the process executes another program.
#[must_use]
pub fn reaped(pid: u32) -> u64 {
    let proc = i32::try_from(pid).ok().and_then(|pid| Proc::new(pid).ok());
    proc.and_then(|proc| proc.stat().ok()).map_or(0, |stat| stat.cminflt + stat.cmajflt)
}

/// Whether a thread of the process runs, or waits, and has not begun to end. What cannot be read is not said to.
#[must_use]
pub fn is_at_work(pid: u32) -> bool {
    life(pid, BootNanos(0)) == Life::Runs
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
    let link = fs::read_link(living(pid).join("exe")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// What a process's link below `/proc` leads to (`cwd`, `exe`), as the process calls it: the kernel tells it from the
/// reader's root. `None` where it has ended, or the file lies outside of its root.
#[must_use]
pub fn as_seen_by(pid: u32, link: &str) -> Option<PathBuf> {
    let process = living(pid);
    let (path, root) = (fs::read_link(process.join(link)).ok()?, fs::read_link(process.join("root")).ok()?);
    Some(Path::new("/").join(path.strip_prefix(root).ok()?))
}

/// Where the process works, as it calls the place itself.
#[must_use]
pub fn working_directory(pid: u32) -> Option<PathBuf> {
    as_seen_by(pid, "cwd")
}

#[must_use]
pub fn session_of(process: &Process) -> SessionId {
    SessionId(session_id(process.pid, process.start.0))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        net::TcpListener,
        os::fd::AsRawFd as _,
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        enforcement::flow,
        proc::{descriptors::Bounds, listener, sight::Sight, survey},
    };

    /// `exit(2)`, which ends one thread: on `x86_64` 60, elsewhere 93.
    const FIRST_THREAD_ENDS: &str = "\
        import ctypes, os, socket, threading, time\n\
        kept = socket.create_server(('127.0.0.1', 0))\n\
        threading.Thread(target=time.sleep, args=(60,)).start()\n\
        print(os.stat(kept.fileno()).st_ino, flush=True)\n\
        ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)\n";

    #[test]
    fn a_process_whose_first_thread_has_ended_is_seen_by_another() {
        let mut child = Command::new("python3")
            .args(["-c", FIRST_THREAD_ENDS])
            .env("KEPT", "in mind")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (pid, mut line) = (child.id(), String::new());
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let inode: u64 = line.trim().parse().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        let has_ended = || fs::read_link(format!("/proc/{pid}/exe")).is_err();
        while !has_ended() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(has_ended(), "its first thread lives");
        let bounds = || Bounds::new(100_000, Duration::from_secs(60));
        assert_ne!(living(pid), PathBuf::from(format!("/proc/{pid}")));
        assert!(is_at_work(pid));
        let running = read(pid).unwrap();
        assert!(running.process.executable.contains("python") && running.process.pid == pid);
        assert!(running.process.args.first().is_some_and(|name| name.ends_with("python3")));
        assert!(running.env.contains(&("KEPT".to_owned(), "in mind".to_owned())));
        assert_eq!(executable(pid), Some(running.process.executable));
        assert!(working_directory(pid).is_some() && survey::namespace(pid).is_some());
        assert!(listener::holds(pid, inode, &mut bounds()) && listener::shares_network(pid));
        assert!(flow::numbers(pid, &mut bounds()).contains(&inode));
        assert!(
            Sight::of(pid).with_holdings(pid, &[]).seen().holds.iter().any(|held| held.contains("python"))
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(read(pid).is_none() && !is_at_work(pid));
    }

    #[test]
    fn everybody_is_listed_with_a_parent() {
        let child = Command::new("sleep").arg("60").spawn();
        let mut child = child.unwrap();
        let found = parents();
        assert!(found.contains(&(child.id(), std::process::id())), "{found:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_lives_as_one_expects_is_looked_at_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = std::process::id();
        assert_eq!(living(own), PathBuf::from(format!("/proc/{own}")));
        let link = living(own).join("fd").join(listener.as_raw_fd().to_string());
        assert!(fs::read_link(link).is_ok());
        assert_eq!(living(u32::MAX), PathBuf::from(format!("/proc/{}", u32::MAX)), "nobody");
    }
}
