//! A real daemon under the built-in rules, for this run of the laboratory alone: it watches what descends from the
//! laboratory, and recognises agents by itself.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

/// Loading the probes takes a second or two; a loaded machine more.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub struct Daemon {
    binary: PathBuf,
    dir: TempDir,
    child: Child,
}

impl Daemon {
    /// # Errors
    /// It cannot be started, or does not answer in a minute; its log is part of the error.
    pub fn start(binary: &Path) -> Result<Self> {
        let dir = TempDir::with_prefix("interlock-agents-").context("no temporary directory")?;
        let config = format!(
            "socket = \"{0}/control.sock\"\nstate = \"{0}/state\"\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\n\
             metrics = \"none\"\nwatch_below = {1}\n",
            dir.path().display(),
            std::process::id(),
        );
        let (file, log) = (dir.path().join("config.toml"), dir.path().join("log"));
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
        let mut daemon = Self { binary: binary.to_owned(), dir, child };
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
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().context("the daemon was lost")? {
                bail!("the daemon ended ({status}):\n{}", log());
            }
            if started.elapsed() > READY_TIMEOUT {
                bail!("the daemon does not answer after {READY_TIMEOUT:?}; last: {last:#}\n{}", log());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    /// The answer of a verb.
    ///
    /// # Errors
    /// It fails, with what it said.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.arg("--socket").arg(self.dir.path().join("control.sock")).args(words);
        let output =
            command.output().with_context(|| format!("{} cannot be started", self.binary.display()))?;
        if !output.status.success() {
            bail!(
                "`interlock {}` failed: {}",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What it tells from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        let file = self.dir.path().join("state/events.jsonl");
        let place = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        Events { file, place }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// A place in the daemon's file of events.
#[derive(Debug)]
pub struct Events {
    file: PathBuf,
    place: u64,
}

impl Events {
    /// Whole lines that were written since the last look.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no JSON.
    pub fn more(&mut self) -> Result<Vec<Value>> {
        // There is no file before the first event.
        let Ok(mut file) = File::open(&self.file) else { return Ok(Vec::new()) };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.place)).context("the daemon's events cannot be read")?;
        file.read_to_end(&mut text).context("the daemon's events cannot be read")?;
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.place += u64::try_from(end).unwrap_or_default();
        let whole = text.get(..end).unwrap_or_default();
        let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).context("an event of the daemon's is no JSON"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_whole_lines_are_events_and_each_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e");
        let mut events = Events { file: path.clone(), place: 0 };
        assert!(events.more().unwrap().is_empty());
        let mut file = File::create(path).unwrap();
        file.write_all(b"{\"a\":1}\n{\"a\"").unwrap();
        assert_eq!(events.more().unwrap(), [serde_json::json!({ "a": 1 })]);
        file.write_all(b":2}\n").unwrap();
        assert_eq!(events.more().unwrap(), [serde_json::json!({ "a": 2 })]);
        assert!(events.more().unwrap().is_empty());
        file.write_all(b"x\n").unwrap();
        assert!(events.more().is_err());
    }
}
