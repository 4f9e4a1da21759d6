//! The drill's own daemon: the real one, with a configuration, a socket and a state of its own.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{
    client::{Client, Refused},
    processes,
    wait::{Look, Wait},
};
use crate::control::api::Status;
use interlock_core::facts::Mode;

/// For the daemon to load its programs and answer.
const READY: Duration = Duration::from_secs(20);
/// For the daemon to release what it holds and detach.
const GRACE: Duration = Duration::from_secs(5);
/// Lines of its log that are shown when it has ended too early.
const LAST_WORDS: usize = 20;

/// A running daemon; dropping it ends it.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    pub client: Client,
}

impl Daemon {
    /// Starts `program daemon` with its files in `files` and its socket in `directory`, and waits until it answers.
    ///
    /// # Errors
    /// It cannot be started, ends (with its last words), or does not answer within 20 s.
    pub fn start(
        program: &OsString,
        directory: &Path,
        files: &Path,
        mode: Mode,
        wait: &Wait,
    ) -> Result<Self> {
        fs::create_dir_all(files).with_context(|| format!("{} cannot be made", files.display()))?;
        let (socket, log) = (directory.join("interlock.sock"), files.join("daemon.log"));
        let config = files.join("drill.toml");
        fs::write(&config, configuration(&socket, files, mode)?)
            .with_context(|| format!("{} cannot be written", config.display()))?;
        let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = Command::new(program)
            .args(["drill-sandbox".as_ref(), "--daemon".as_ref(), config.as_os_str()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("the daemon's log cannot be shared")?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .context("the drill's daemon cannot be started")?;
        let mut daemon = Self { child, log, client: Client::new(&socket) };
        wait.until("the daemon answers", READY, || daemon.answers())?;
        Ok(daemon)
    }

    fn answers(&mut self) -> Result<Look<()>> {
        if let Some(status) = self.child.try_wait().context("the daemon's end cannot be seen")? {
            bail!("the drill's daemon ended too early ({status}); its last words:\n{}", self.last_words());
        }
        Ok(match self.client.get::<Status>("/v1/status") {
            Ok(_) => Look::Seen(()),
            Err(why) if why.is::<Refused>() => return Err(why),
            Err(why) => Look::NotYet(format!("{why:#}")),
        })
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_WORDS)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing is left to do where the kernel says that it has gone already.
        let _ = processes::end(&mut self.child, GRACE);
    }
}

/// Becomes the daemon, bound to end with the drill that started it. Returns only when that fails.
pub fn become_daemon(config: &str) -> ExitCode {
    let bound = set_parent_process_death_signal(Some(Signal::TERM)).map_err(std::io::Error::from);
    let failed = bound.and_then(|()| {
        let program = std::env::current_exe()?;
        Err::<(), _>(Command::new(program).args(["daemon", "--config", config]).exec())
    });
    if let Err(why) = failed {
        eprintln!("the drill's daemon cannot be started: {why}");
    }
    ExitCode::FAILURE
}

fn configuration(socket: &Path, state: &Path, mode: Mode) -> Result<String> {
    let text = |path: &Path| {
        let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
        // Every JSON string is a TOML string.
        serde_json::to_string(path).context("a path cannot be quoted")
    };
    let mode = match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    };
    let (socket, state) = (text(socket)?, text(state)?);
    // Nobody else's agent is this daemon's business.
    let watched = std::process::id();
    // The drill plays the agent and the person, so both have the terminal that it was started from.
    Ok(format!(
        "shared_terminal = \"allow\"\nsocket = {socket}\nstate = {state}\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\nmetrics = \"none\"\nmode = \"{mode}\"\n\
         watch_below = {watched}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_toml_whatever_the_path() {
        let text = configuration(Path::new("/tmp/a \"b\"/s"), Path::new("/var/x"), Mode::Observe).unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["socket"].as_str(), Some("/tmp/a \"b\"/s"));
        assert_eq!((table["mode"].as_str(), table["pins"].as_str()), (Some("observe"), Some("none")));
    }

    #[test]
    fn a_daemon_that_ends_at_once_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        // `ls` is no daemon: it complains about its arguments and ends.
        let program = OsString::from("ls");
        let started = Daemon::start(&program, dir.path(), dir.path(), Mode::Enforce, &Wait::new().unwrap());
        let why = format!("{:#}", started.err().unwrap());
        assert!(why.contains("ended too early") && why.contains("--daemon"), "{why}");
    }
}
