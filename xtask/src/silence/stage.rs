//! Where a piece of work happens: a home with everybody's credentials, a workspace in it, and a place beside it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{
    running::Running,
    work::{Agent, Work},
};

/// What a person's shell has and the tools need. Nothing else is handed on: no marker of an agent that runs us, no
/// variable of cargo's.
const KEPT: [&str; 9] =
    ["PATH", "LANG", "LC_ALL", "TZ", "RUSTUP_*", "PYENV_ROOT", "PIP_*", "SSL_CERT_*", "*_PROXY"];
/// Certificates of a network that looks into connections.
const KEPT_CERTIFICATES: [&str; 5] =
    ["NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CARGO_HTTP_*"];

pub struct Stage<'w> {
    pub work: &'w Work,
    dir: TempDir,
    debian: PathBuf,
}

impl<'w> Stage<'w> {
    /// # Errors
    /// There is no temporary directory.
    pub fn new(work: &'w Work, debian: &Path) -> Result<Self> {
        let dir = TempDir::with_prefix("interlock-silence-").context("no temporary directory")?;
        let stage = Self { work, dir, debian: debian.to_owned() };
        for folder in [stage.workspace(), stage.aside(), stage.home().join(".local/bin")] {
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        Ok(stage)
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn workspace(&self) -> PathBuf {
        self.home().join("shop")
    }

    /// For servers' files, remote repositories, logs: `$ASIDE`.
    pub fn aside(&self) -> PathBuf {
        self.dir.path().join("aside")
    }

    /// Runs `home` and `prepare`, outside of every session. Servers that it left running end with the value.
    ///
    /// # Errors
    /// One of them fails or does not end in time; its output is part of the error.
    pub fn prepare(&self) -> Result<Vec<Running>> {
        let home = self.work.folder.with_file_name("home");
        [home, self.work.folder.join("prepare")].iter().map(|script| self.run(script)).collect()
    }

    fn run(&self, script: &Path) -> Result<Running> {
        let (sender, receiver) = mpsc::channel();
        let log = self.aside().join("prepare.log");
        let running = Running::start(self.dress(Command::new("bash")).arg(script), &log, move |status| {
            let _ = sender.send(status); // nobody waits any more
        })?;
        match receiver.recv_timeout(self.work.deadline()) {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(running),
            Ok(status) => bail!("{} failed ({status:?}):\n{}", script.display(), running.output()),
            Err(_) => bail!(
                "{} still runs after {:?}:\n{}",
                script.display(),
                self.work.deadline(),
                running.output()
            ),
        }
    }

    /// The command that the session consists of.
    ///
    /// # Errors
    /// The stand-in for the agent's program cannot be written.
    pub fn command(&self, run: Command) -> Result<Command> {
        let script = self.work.folder.join("work");
        let mut command = match self.work.about.agent {
            Agent::Run => {
                let mut run = self.dress(run);
                run.args(["run", "--", "bash"]);
                run
            }
            Agent::ClaudeCode => {
                let mut node = self.dress(Command::new("node"));
                node.arg(self.claude_code()?);
                node
            }
        };
        command.arg(script);
        Ok(command)
    }

    /// A script at the place of Claude Code's that runs its argument with bash and ends as it does.
    fn claude_code(&self) -> Result<PathBuf> {
        let folder = self.home().join(".npm-global/lib/node_modules/@anthropic-ai/claude-code");
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let file = folder.join("cli.js");
        let text = "const { spawn } = require('child_process');\n\
                    spawn('bash', process.argv.slice(2), { stdio: 'inherit' })\n  \
                      .on('exit', (code, signal) => process.exit(signal ? 1 : code));\n";
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }

    /// In the workspace, with the environment of a person's shell.
    fn dress(&self, mut command: Command) -> Command {
        command.env_clear().current_dir(self.workspace());
        command.envs(env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_kept)));
        let mut path = self.home().join(".local/bin").into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        if let (None, Some(home)) = (env::var_os("RUSTUP_HOME"), env::home_dir()) {
            command.env("RUSTUP_HOME", home.join(".rustup"));
        }
        command
            .env("PATH", path)
            .env("HOME", self.home())
            .env("ASIDE", self.aside())
            .env("FILES", &self.work.folder)
            .env("DEBIAN", &self.debian);
        command
    }
}

fn is_kept(name: &str) -> bool {
    let name = name.to_uppercase();
    KEPT.iter().chain(&KEPT_CERTIFICATES).any(|kept| match (kept.strip_prefix('*'), kept.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == *kept,
    })
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn markers_of_agents_and_of_cargo_stay_behind() {
        for name in ["PATH", "https_proxy", "NO_PROXY", "RUSTUP_TOOLCHAIN", "PIP_CERT", "SSL_CERT_FILE"] {
            assert!(is_kept(name), "{name}");
        }
        for name in ["CLAUDECODE", "AI_AGENT", "CARGO", "CARGO_HOME", "RUSTFLAGS", "HOME", "GITHUB_TOKEN"] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
