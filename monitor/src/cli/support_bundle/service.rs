//! The service: how systemd runs it, and what it wrote to the journal.

use std::{
    io::{self, Read as _},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::part::Part;

const UNIT: &str = "interlock.service";
/// Lines of the journal.
const LINES: &str = "--lines=500";
/// What of the unit: never its environment, which may hold anything.
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainStartTimestamp,\
                          StatusText,FragmentPath,DropInPaths,UnitFileState,NeedDaemonReload,MemoryCurrent,MemoryPeak,TasksCurrent,\
                          CapabilityBoundingSet,ControlGroup,WatchdogUSec";
/// A journal on a disk that does not answer must not keep the rest from being written.
const TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

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

/// What a program writes, if it ends in time.
fn run(program: &str, args: &[&str]) -> io::Result<(ExitStatus, String)> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > TIMEOUT => {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(format!("no end within {} s", TIMEOUT.as_secs())));
            }
            None => thread::sleep(POLL),
        }
    };
    let bytes = reading.join().map_err(|_| io::Error::other("its output was not read"))??;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}
