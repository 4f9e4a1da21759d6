//! The daemon under test: the real one, with files of its own.

use std::{
    fs::{self, File},
    os::unix::net::UnixDatagram,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::{arena::Arena, bound, client::Client, wait};

const READY: Duration = Duration::from_secs(20);

/// A running daemon; dropping it ends it.
pub struct Daemon {
    child: Child,
    pub client: Client,
    /// From its start until it tells systemd that it is ready.
    pub took: Duration,
}

/// The kernel detaches in the background: some 150 ms.
const DETACHING: Duration = Duration::from_secs(1);

impl Daemon {
    /// # Errors
    /// It cannot be started or is not ready within 20 s; its log is part of the error.
    pub fn start(arena: &Arena) -> Result<Self> {
        let (config, log, notify) = (
            arena.path().join("config.toml"),
            arena.path().join("daemon.log"),
            arena.path().join("notify.sock"),
        );
        fs::write(&config, arena.config()?)?;
        let output = File::create(&log)?;
        let _ = fs::remove_file(&notify); // an earlier daemon's
        let socket = UnixDatagram::bind(&notify).context("no socket for the daemon's readiness")?;
        let start = Instant::now();
        let child = bound::command(&arena.bench, true, &arena.interlock)
            .arg("--config")
            .arg(&config)
            .arg("daemon")
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("the daemon cannot be started")?;
        let mut daemon = Self { child, client: Client::new(&arena.socket()), took: Duration::ZERO };
        let limit = Timespec::try_from(READY)?;
        let ready = poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&limit))?;
        daemon.took = start.elapsed();
        if ready == 0 {
            let _ = daemon.child.kill();
            bail!("the daemon was not ready after 20 s; its log:\n{}", fs::read_to_string(&log)?);
        }
        daemon.status()?;
        Ok(daemon)
    }

    pub fn status(&self) -> Result<Value> {
        self.client.get("/v1/status")
    }

    /// # Errors
    /// Sessions are still there after 10 s.
    pub fn until_no_session(&self) -> Result<()> {
        wait::until("no session is left", Duration::from_secs(10), || {
            let sessions = self.status()?["sessions"].as_u64();
            Ok(if sessions == Some(0) { Ok(()) } else { Err(format!("{sessions:?} sessions")) })
        })
    }

    /// What only sessions need is detached some time after the last one has ended.
    ///
    /// # Errors
    /// It is still attached after 10 s.
    pub fn until_at_rest(&self) -> Result<()> {
        wait::until("opens are nobody's business", Duration::from_secs(10), || {
            let checks = self.client.get("/v1/doctor")?;
            let open = checks.as_array().into_iter().flatten().find(|check| check["subject"] == "open");
            let found = open.and_then(|check| check["found"].as_str()).unwrap_or_default();
            Ok(if found.contains("at rest") { Ok(()) } else { Err(found.to_owned()) })
        })?;
        wait::pass(DETACHING)
    }

    /// Resident memory, MiB.
    ///
    /// # Errors
    /// The daemon has ended.
    pub fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kibibytes.context("no VmRSS in /proc/PID/status")? / 1024.0)
    }

    /// Time on a processor, all threads, ns (`/proc/PID/task/TID/schedstat`).
    ///
    /// # Errors
    /// The daemon has ended.
    pub fn processor_ns(&self) -> Result<f64> {
        let mut total = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let spent = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
            total += spent.with_context(|| format!("schedstat makes no sense: {text}"))?;
        }
        Ok(total)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        bound::end(&mut self.child);
    }
}
