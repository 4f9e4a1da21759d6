//! A program of the node that runs until the end, with its log.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// The end of a log that an error shows, lines.
const SHOWN: usize = 25;

pub struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it; its log is `NAME.log` in `place`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, command: &mut Command, place: &Path) -> Result<Self> {
        let log = place.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// It ends, or `timeout` is over; the end of its log is part of the error.
    pub fn wait(&mut self, timeout: Duration, ready: impl Fn() -> Result<()>) -> Result<()> {
        let started = Instant::now();
        loop {
            let last = match ready() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}):\n{}", self.name, self.tail());
            }
            if started.elapsed() > timeout {
                bail!("{} is not ready after {timeout:?}: {last:#}\n{}", self.name, self.tail());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    fn tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Asks again until it answers well.
///
/// # Errors
/// It never does within `timeout`; the last answer is part of the error.
pub fn until<T>(what: &str, timeout: Duration, ask: impl Fn() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if started.elapsed() > timeout => {
                return Err(error).with_context(|| format!("not within {timeout:?}: {what}"));
            }
            Err(_) => thread::park_timeout(BETWEEN_LOOKS),
        }
    }
}
