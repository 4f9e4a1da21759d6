//! A script that runs: in a process group of its own, its output in a file.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// Lines of output that an error shows.
const SHOWN: usize = 30;

/// Everything in the group ends with this value.
pub struct Running {
    group: Option<Pid>,
    log: PathBuf,
}

impl Running {
    /// Starts it; `ended` is called on another thread, once.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        command: &mut Command,
        log: &Path,
        ended: impl FnOnce(io::Result<ExitStatus>) + Send + 'static,
    ) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = file.try_clone().context("no descriptor for a log")?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
        let name = command.get_program().display().to_string();
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        thread::spawn(move || ended(child.wait()));
        Ok(Self { group, log: log.to_owned() })
    }

    /// The end of what it printed.
    pub fn output(&self) -> String {
        let output = fs::read(&self.log).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = output.lines().collect();
        lines.split_at(lines.len().saturating_sub(SHOWN)).1.join("\n")
    }

    /// Ends the whole group.
    pub fn kill(&self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL); // it has ended
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn what_it_left_in_the_background_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, receiver) = mpsc::channel();
        let mut command = Command::new("bash");
        command.args(["-c", "sleep 1000 & seq 100; exit 3"]);
        let log = dir.path().join("log");
        let running = Running::start(&mut command, &log, move |status| {
            let _ = sender.send(status.unwrap().code());
        })
        .unwrap();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)).unwrap(), Some(3));
        let group = running.group.unwrap();
        assert!(
            running.output().starts_with("71\n") && running.output().ends_with("\n100"),
            "{}",
            running.output()
        );
        drop(running);
        // The background process is init's to reap; until then it is still in the group.
        let gone = (0..400).any(|_| {
            thread::park_timeout(Duration::from_millis(50));
            rustix::process::test_kill_process_group(group).is_err()
        });
        assert!(gone, "something of group {group:?} still runs");
    }
}
