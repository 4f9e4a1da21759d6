//! A daemon for this run alone: its own socket and state, no pins, and eyes only for what descends from this process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::Sender,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::session::Message;
use crate::process;

/// Loading the probes takes a second or two; a loaded machine more.
const PATIENCE: Duration = Duration::from_secs(60);
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
        let dir = TempDir::with_prefix("interlock-silence-daemon-").context("no temporary directory")?;
        let config = format!(
            "socket = \"{0}/control.sock\"\nstate = \"{0}/state\"\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\n\
             metrics = \"127.0.0.1:0\"\nwatch_below = {1}\n",
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
            let last = match process::answer(self.client().arg("status")) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().context("the daemon was lost")? {
                bail!("the daemon ended ({status}):\n{}", log());
            }
            if started.elapsed() > PATIENCE {
                bail!("the daemon does not answer after {PATIENCE:?}; last: {last:#}\n{}", log());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    /// The command line, asking this daemon.
    pub fn client(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--socket").arg(self.dir.path().join("control.sock"));
        command
    }

    /// Hands on what the daemon tells, from the oldest event that it keeps, until the receiver or the daemon ends.
    ///
    /// # Errors
    /// The reader cannot be started.
    pub fn follow(&self, to: &Sender<Message>) -> Result<Follower> {
        let mut command = self.client();
        command.args(["events", "--follow", "--output", "json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("`interlock events` cannot be started")?;
        let (events, words) = (child.stdout.take(), child.stderr.take());
        hand_on(events, to.clone(), |line| match serde_json::from_str::<Value>(&line) {
            Ok(event) => Message::Event(event),
            Err(error) => Message::Trouble(format!("`interlock events` printed {line:?}: {error}")),
        });
        // Events that were lost, a daemon that ended.
        hand_on(words, to.clone(), Message::Trouble);
        Ok(Follower { child })
    }

    /// Lets everything go on that is frozen, so that it can end.
    pub fn thaw_all(&self) {
        let Ok(answer) = process::answer(self.client().args(["ps", "--output", "json"])) else { return };
        let sessions: Vec<Value> = serde_json::from_str(&answer).unwrap_or_default();
        for session in sessions.iter().filter(|session| session["status"] == "frozen") {
            let id = session["id"].as_str().unwrap_or_default();
            let _ = process::answer(self.client().args(["thaw", id])); // it has ended meanwhile
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.thaw_all();
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// A client that reads the daemon's events.
pub struct Follower {
    child: Child,
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// Sends every line until there are no more, or nobody listens.
fn hand_on(lines: Option<impl Read + Send + 'static>, to: Sender<Message>, what: fn(String) -> Message) {
    thread::spawn(move || {
        let lines = lines.into_iter().flat_map(|lines| BufReader::new(lines).lines());
        lines.map_while(Result::ok).map(what).try_for_each(|message| to.send(message))
    });
}
