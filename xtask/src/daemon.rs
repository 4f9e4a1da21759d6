//! A daemon for this run alone: its own socket and state, the built-in rules, no pins, and eyes only for what descends from this process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub struct Daemon {
    binary: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Daemon {
    /// Starts it in `folder`, with `more` lines of configuration, and waits until it answers.
    ///
    /// # Errors
    /// It cannot be started, or does not answer within `timeout`; its log is part of the error.
    pub fn start(binary: &Path, folder: &Path, more: &str, timeout: Duration) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let config = format!(
            "socket = \"{0}/control.sock\"\nstate = \"{0}/state\"\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\n\
             watch_below = {1}\n{more}",
            folder.display(),
            std::process::id(),
        );
        let (file, log) = (folder.join("config.toml"), folder.join("log"));
        fs::write(&file, config).with_context(|| format!("{} cannot be written", file.display()))?;
        let errors = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = Command::new(binary)
            .arg("--config")
            .arg(&file)
            .arg("daemon")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut daemon = Self { binary: binary.to_owned(), folder: folder.to_owned(), child };
        daemon.wait_ready(timeout)?;
        Ok(daemon)
    }

    fn wait_ready(&mut self, timeout: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            let last = match self.ask(&["status"]) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait().context("the daemon was lost")? {
                bail!("the daemon ended ({status}):\n{}", self.log());
            }
            if started.elapsed() > timeout {
                bail!("the daemon does not answer after {timeout:?}; last: {last:#}\n{}", self.log());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// The command line, asking this daemon.
    pub fn client(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--socket").arg(self.socket());
        command
    }

    /// The answer of a verb.
    ///
    /// # Errors
    /// It fails; what it said is part of the error.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        process::answer(self.client().args(words))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}
