//! The daemon that a day's work is done beside.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::Sender,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::message::Message;
use crate::{daemon, process};

/// Loading the probes takes a second or two; a loaded machine more.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Ends before its folder goes.
pub struct Daemon {
    daemon: daemon::Daemon,
    _dir: TempDir,
}

impl Daemon {
    /// # Errors
    /// It cannot be started, or does not answer in a minute; its log is part of the error.
    pub fn start(binary: &Path) -> Result<Self> {
        let dir = TempDir::with_prefix("interlock-silence-daemon-").context("no temporary directory")?;
        let more = "metrics = \"127.0.0.1:0\"\n";
        let daemon = daemon::Daemon::start(binary, dir.path(), more, READY_TIMEOUT)?;
        Ok(Self { daemon, _dir: dir })
    }

    /// The command line, asking this daemon.
    pub fn client(&self) -> Command {
        self.daemon.client()
    }

    /// Hands on what the daemon tells, from the oldest event that it keeps, until the receiver or the daemon ends.
    ///
    /// # Errors
    /// The reader cannot be started.
    pub fn follow(&self, to: &Sender<Message>) -> Result<Follower> {
        let mut command = self.daemon.client();
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
        let Ok(answer) = process::answer(self.daemon.client().args(["ps", "--output", "json"])) else {
            return;
        };
        let sessions: Vec<Value> = serde_json::from_str(&answer).unwrap_or_default();
        for session in sessions.iter().filter(|session| session["status"] == "frozen") {
            let id = session["id"].as_str().unwrap_or_default();
            let _ = process::answer(self.daemon.client().args(["thaw", id])); // it has ended meanwhile
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.thaw_all();
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
