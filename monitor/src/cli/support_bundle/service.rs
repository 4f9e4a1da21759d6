//! The service: how systemd runs it, and what it wrote to the journal.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::part::Part;
use crate::cli::wait::wait;

const UNIT: &str = "interlock.service";
/// Lines of the journal.
const LINES: &str = "--lines=500";
/// What of the unit: never its environment, which may hold anything.
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainStartTimestamp,\
                          StatusText,FragmentPath,DropInPaths,UnitFileState,NeedDaemonReload,MemoryCurrent,MemoryPeak,TasksCurrent,\
                          CapabilityBoundingSet,ControlGroup,WatchdogUSec";
/// A journal on a disk that does not answer must not keep the rest from being written.
const TIMEOUT: Duration = Duration::from_secs(15);

pub fn parts() -> Vec<Part> {
    let show = ["show", UNIT, "--no-pager", PROPERTIES];
    let journal = ["--unit", UNIT, LINES, "--output=short-iso-precise", "--no-pager", "--quiet"];
    vec![output("service.txt", "systemctl", &show), output("journal.txt", "journalctl", &journal)]
}

fn output(name: &str, program: &str, args: &[&str]) -> Part {
    match run(program, args) {
        Ok((status, text)) if status.success() => Part::text(name, &text),
        Ok((status, _)) => Part::missing(name, format!("{program}: {status}")),
        Err(error) => Part::missing(name, format!("{program}: {error}")),
    }
}

/// What a program writes, if it ends in time; else it is killed.
fn run(program: &str, args: &[&str]) -> io::Result<(ExitStatus, String)> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let ended = wait(async { Ok(timeout(TIMEOUT, command.output()).await) });
    let ended = ended.map_err(|failure| io::Error::other(failure.text.unwrap_or_default()))?;
    let output = ended.map_err(|_| io::Error::other(format!("no end within {} s", TIMEOUT.as_secs())))??;
    Ok((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
}
