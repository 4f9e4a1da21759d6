//! Acts after which somebody else goes on: children, programs, threads, namespaces; and signals.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{self, Command},
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{ForkResult, Pid},
};
use rustix::process::Signal;

use super::{
    super::act::{Parent, Pass},
    descriptors,
    plan::Player,
    waiting::pause,
};

/// How often and for how long somebody keeps a process awake, milliseconds.
const BETWEEN: u16 = 5;
const TIMES: u16 = 60;

/// Who a fork returns to.
pub enum Forked {
    Parent(Pid),
    Child,
}

pub fn split() -> io::Result<Forked> {
    // SAFETY: the child goes on with what it has; allocators survive a fork, and no lock of ours is held by another thread.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

pub fn wait(child: Pid) {
    // It ends, or everybody is ended.
    let _ = nix::sys::wait::waitpid(child, None);
}

/// Only a child returns.
pub fn fork(parent: Parent) -> io::Result<()> {
    if let Forked::Parent(child) = split()? {
        if parent == Parent::Waits {
            wait(child);
        }
        process::exit(0);
    }
    Ok(())
}

/// Only a grandchild returns, when its parent has gone.
pub fn double_fork() -> io::Result<()> {
    let Forked::Child = split()? else { process::exit(0) };
    let middle = process::id();
    let Forked::Child = split()? else { process::exit(0) };
    for _ in 0..TIMES {
        if std::os::unix::process::parent_id() != middle {
            break;
        }
        pause(1);
    }
    Ok(())
}

impl Player {
    pub(super) fn spawn(&mut self) -> io::Result<()> {
        let mut again = self.again()?;
        // std begins programs without further wishes by posix_spawn, which is vfork.
        again.status().map(drop)
    }

    /// Returns only when it failed.
    pub(super) fn exec(&mut self) -> io::Error {
        match self.again() {
            Ok(mut again) => again.exec(),
            Err(why) => why,
        }
    }

    fn again(&mut self) -> io::Result<Command> {
        let mut again = Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1)).stdin(self.rest()?);
        Ok(again)
    }
}

pub fn namespaces() -> io::Result<()> {
    enter(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
}

pub fn network_namespace() -> io::Result<()> {
    enter(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
}

fn enter(what: CloneFlags) -> io::Result<()> {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    unshare(what)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw()))?;
    fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw()))
}

pub fn continue_oneself() -> io::Result<()> {
    Ok(rustix::process::kill_process(rustix::process::getpid(), Signal::CONT)?)
}

pub fn keep_awake() -> io::Result<()> {
    awaken(BETWEEN, TIMES)
}

pub fn stop_and_continue() -> io::Result<()> {
    awaken(BETWEEN, BETWEEN)?;
    Ok(rustix::process::kill_process(rustix::process::getpid(), Signal::STOP)?)
}

/// A child sends SIGCONT to this process so many times.
fn awaken(between: u16, times: u16) -> io::Result<()> {
    let sleeper = rustix::process::getpid();
    if let Forked::Child = split()? {
        for _ in 0..times {
            pause(between);
            if rustix::process::kill_process(sleeper, Signal::CONT).is_err() {
                break;
            }
        }
        process::exit(0);
    }
    Ok(())
}

/// Returns the connection, by the way it took, to whoever goes on.
pub fn pass(connection: OwnedFd, way: Pass) -> io::Result<OwnedFd> {
    match way {
        Pass::Duplicate => Ok(rustix::io::dup(&connection)?),
        Pass::ToItself => {
            let (from, to) = descriptors::pair()?;
            descriptors::give(&from, &connection)?;
            drop(connection);
            descriptors::take(&to)
        }
        Pass::ToChild => {
            let (from, to) = descriptors::pair()?;
            if let Forked::Parent(child) = split()? {
                descriptors::give(&from, &connection)?;
                drop(connection);
                wait(child);
                process::exit(0);
            }
            drop(connection);
            descriptors::take(&to)
        }
        Pass::TakenByChild => {
            let parent = rustix::process::getpid();
            if let Forked::Parent(child) = split()? {
                wait(child);
                process::exit(0);
            }
            let taken = descriptors::rob(parent, &connection)?;
            drop(connection);
            Ok(taken)
        }
    }
}

/// A child does `act` and writes what it gives; this process reads it.
pub fn by_child(act: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    let (mut reader, mut writer) = io::pipe()?;
    match split()? {
        Forked::Child => {
            drop(reader);
            let _ = act().and_then(|text| writer.write_all(text.as_bytes()));
            process::exit(0);
        }
        Forked::Parent(child) => {
            drop(writer);
            let mut text = String::new();
            reader.read_to_string(&mut text)?;
            wait(child);
            Ok(text)
        }
    }
}

/// A child opens by `act` and gives the descriptor away, or has it taken; then it ends.
pub fn descriptor_of_child(
    act: impl FnOnce() -> io::Result<OwnedFd>,
    is_robbed: bool,
) -> io::Result<OwnedFd> {
    let (here, there) = descriptors::pair()?;
    match split()? {
        Forked::Child => {
            drop(here);
            let _ = act().and_then(|opened| {
                if is_robbed {
                    descriptors::offer(&there, &opened)
                } else {
                    descriptors::give(&there, &opened)
                }
            });
            process::exit(0);
        }
        Forked::Parent(child) => {
            drop(there);
            let taken = if is_robbed {
                rustix::process::Pid::from_raw(child.as_raw())
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
                    .and_then(|child| descriptors::take_offered(&here, child))
            } else {
                descriptors::take(&here)
            };
            drop(here);
            wait(child);
            taken
        }
    }
}
