//! The daemon that programs are played against.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::daemon;

/// Loading the probes takes a second or two; an emulated machine more.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    Observe,
}

pub struct Daemon {
    daemon: daemon::Daemon,
    folder: PathBuf,
}

impl Daemon {
    /// # Errors
    /// It cannot be started, or does not answer; its log is part of the error.
    pub fn start(binary: &Path, folder: &Path, mode: Mode) -> Result<Self> {
        let mode = if mode == Mode::Enforce { "enforce" } else { "observe" };
        let more = format!("metrics = \"none\"\nmode = \"{mode}\"\nsessions_per_user = 100000\n");
        let daemon = daemon::Daemon::start(binary, folder, &more, READY_TIMEOUT)?;
        Ok(Self { daemon, folder: folder.to_owned() })
    }

    /// Fails where it has ended: programs that nobody watched prove nothing.
    ///
    /// # Errors
    /// It does not answer; its log is part of the error.
    pub fn is_there(&self) -> Result<()> {
        self.daemon
            .ask(&["status"])
            .with_context(|| format!("the daemon has gone:\n{}", self.daemon.log()))
            .map(drop)
    }

    /// The backend of opens, which tells what kind of kernel this is.
    ///
    /// # Errors
    /// It does not say.
    pub fn backend(&self) -> Result<String> {
        let status: Value =
            serde_json::from_str(&self.daemon.ask(&["status", "--output", "json"])?).context("no status")?;
        let open = status["enforcement"].as_array().into_iter().flatten().find(|one| one["action"] == "open");
        let backend = open.and_then(|open| open["backend"].as_str());
        backend.map(str::to_owned).with_context(|| format!("the status names no backend: {status}"))
    }

    pub fn socket(&self) -> PathBuf {
        self.daemon.socket()
    }

    pub fn events(&self) -> PathBuf {
        self.folder.join("state/events.jsonl")
    }
}
