//! A daemon for this run alone: its own socket and state, no pins, and eyes only for what descends from this process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// Loading the probes takes a second or two; an emulated machine more.
const PATIENCE: Duration = Duration::from_secs(180);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    Observe,
}

pub struct Daemon {
    binary: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Daemon {
    /// # Errors
    /// It cannot be started, or does not answer; its log is part of the error.
    pub fn start(binary: &Path, folder: &Path, mode: Mode) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let config = format!(
            "socket = \"{0}/control.sock\"\nstate = \"{0}/state\"\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\n\
             metrics = \"none\"\nmode = \"{1}\"\nsessions_per_user = 100000\nwatch_below = {2}\n",
            folder.display(),
            if mode == Mode::Enforce { "enforce" } else { "observe" },
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
        daemon.wait_ready()?;
        Ok(daemon)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            let last = match self.ask(&["status"]) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait().context("the daemon was lost")? {
                bail!("the daemon ended ({status}):\n{}", self.log());
            }
            if started.elapsed() > PATIENCE {
                bail!("the daemon does not answer after {PATIENCE:?}; last: {last:#}\n{}", self.log());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    /// Fails where it has ended: programs that nobody watched prove nothing.
    ///
    /// # Errors
    /// It does not answer; its log is part of the error.
    pub fn is_there(&self) -> Result<()> {
        self.ask(&["status"]).with_context(|| format!("the daemon has gone:\n{}", self.log())).map(drop)
    }

    /// The backend of opens, which tells what kind of kernel this is.
    ///
    /// # Errors
    /// It does not say.
    pub fn backend(&self) -> Result<String> {
        let status: Value =
            serde_json::from_str(&self.ask(&["status", "--output", "json"])?).context("no status")?;
        let open = status["enforcement"].as_array().into_iter().flatten().find(|one| one["action"] == "open");
        let backend = open.and_then(|open| open["backend"].as_str());
        backend.map(str::to_owned).with_context(|| format!("the status names no backend: {status}"))
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    pub fn events(&self) -> PathBuf {
        self.folder.join("state/events.jsonl")
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        process::answer(Command::new(&self.binary).arg("--socket").arg(self.socket()).args(words))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}
