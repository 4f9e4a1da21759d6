//! Programs that end with the one that started them, whatever happens to it.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use crate::wait;

/// `bench bound SIGNAL-IS-TERM PROGRAM …`: the signal is set here, because setting it after fork would need `unsafe`.
pub fn become_program(gently: bool, program: &[OsString]) -> Result<()> {
    let [program, arguments @ ..] = program else { bail!("expected a program") };
    set_parent_process_death_signal(Some(if gently { Signal::TERM } else { Signal::KILL }))?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("{} cannot be started", program.display()))
}

/// A command for `program` that will get SIGTERM (`gently`) or SIGKILL when this thread ends.
pub fn command(bench: &Path, gently: bool, program: &Path) -> Command {
    let mut command = Command::new(bench);
    command.arg("bound");
    if gently {
        command.arg("--gently");
    }
    command.arg(program);
    command
}

/// Asks a child to end, and kills it when it does not within 10 s.
pub fn end(child: &mut Child) {
    let Ok(handle) =
        rustix::process::pidfd_open(Pid::from_child(child), rustix::process::PidfdFlags::empty())
    else {
        return; // it has ended and was waited for
    };
    let _ = rustix::process::pidfd_send_signal(&handle, Signal::TERM); // ended meanwhile
    let ended = wait::until("it ends", std::time::Duration::from_secs(10), || {
        Ok(child.try_wait()?.map(|_| ()).ok_or_else(|| "it still runs".to_owned()))
    });
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills a child that leads a process group, and its group.
pub fn kill_group(child: &mut Child) {
    // Not waited for yet, so the number is still the group's.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}
