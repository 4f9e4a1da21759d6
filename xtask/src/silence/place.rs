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
    home,
    running::Running,
    tools::{self, Programs},
    work::{Agent, Work},
};
use crate::process;

/// What a person's shell has and the tools need. Nothing else is handed on: no marker of an agent that runs us, no
/// variable of cargo's.
const KEPT: [&str; 9] =
    ["PATH", "LANG", "LC_ALL", "TZ", "RUSTUP_*", "PYENV_ROOT", "PIP_*", "SSL_CERT_*", "*_PROXY"];
/// Certificates of a network that looks into connections.
const KEPT_CERTIFICATES: [&str; 5] =
    ["NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CARGO_HTTP_*"];

/// Where a person's programs are, below the home.
const PROGRAMS: [&str; 4] = [".local/bin", ".npm-global/bin", "go/bin", ".cargo/bin"];
/// Variables that move what registries' tools download. A session never has them: its downloads are its own.
const CACHES: [(&str, &str); 4] =
    [("npm_config_cache", "npm"), ("PIP_CACHE_DIR", "pip"), ("GOMODCACHE", "go"), ("GOCACHE", "go-build")];

pub struct Place<'w> {
    pub work: &'w Work,
    dir: TempDir,
    /// `$DEBIAN`, and what registries' tools keep of downloads between runs.
    debian: PathBuf,
    cache: PathBuf,
}

impl<'w> Place<'w> {
    /// # Errors
    /// There is no temporary directory.
    pub fn new(work: &'w Work, debian: &Path, cache: &Path) -> Result<Self> {
        let dir = TempDir::with_prefix("interlock-silence-").context("no temporary directory")?;
        let place = Self { work, dir, debian: debian.to_owned(), cache: cache.to_owned() };
        for folder in [place.workspace(), place.aside(), place.home().join(".local/bin")] {
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        Ok(place)
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

    /// Fills the home and the workspace, outside of every session.
    ///
    /// # Errors
    /// Something cannot be written, or the script `home` fails.
    pub fn furnish(&self, script: &Path) -> Result<()> {
        self.run(self.dress(Command::new("bash")).arg(script), "home")?;
        home::fill(&self.home())?;
        if self.work.repository {
            process::answer(self.dress(Command::new("git")).args(["init", "--quiet"]))?;
            self.write(".gitignore", ".env\n")?;
        }
        self.work.about.files.iter().try_for_each(|(name, text)| self.write(name, text))
    }

    /// Installs the packages that the work needs beforehand.
    ///
    /// # Errors
    /// A registry does not have one, or it cannot be installed; its output is part of the error.
    pub fn install(&self) -> Result<()> {
        let text = format!("set -euo pipefail\n{}", tools::script(&self.work.about.tools)?);
        self.run(self.unwatched().arg(self.script("install", &text)?), "install").map(drop)
    }

    /// Runs `prepare`, outside of every session. Servers that it left running end with the value.
    ///
    /// # Errors
    /// It fails or does not end in time; its output is part of the error.
    pub fn prepare(&self) -> Result<Running> {
        let script = self.script("prepare", &self.work.about.prepare)?;
        self.run(self.unwatched().arg(script), "prepare")
    }

    fn run(&self, command: &mut Command, what: &str) -> Result<Running> {
        let (sender, receiver) = mpsc::channel();
        let log = self.aside().join(format!("{what}.log"));
        let running = Running::start(command, &log, move |status| {
            let _ = sender.send(status); // nobody waits any more
        })?;
        match receiver.recv_timeout(self.work.deadline()) {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(running),
            Ok(status) => bail!("`{what}` failed ({status:?}):\n{}", running.output()),
            Err(_) => {
                bail!("`{what}` still runs after {:?}:\n{}", self.work.deadline(), running.output())
            }
        }
    }

    /// The command that the session consists of: the work, and what comes `afterwards`.
    ///
    /// # Errors
    /// The script, or the stand-in for the agent's program, cannot be written.
    pub fn command(&self, run: Command, afterwards: &str) -> Result<Command> {
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
        // A shell of its own, wherever the work changed to and whatever it set.
        let work = format!("(\n{}\n)\n{afterwards}", self.work.about.work);
        command.arg(self.script("work", &format!("set -e\n{work}"))?);
        Ok(command)
    }

    /// The version that a program of the machine tells of itself here.
    pub fn version(&self, programs: &Programs, name: &str) -> Option<String> {
        programs.version(name, self.dress(Command::new("bash")))
    }

    /// A script of the work's, as a file: `$ASIDE/NAME.sh`.
    fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.aside().join(format!("{name}.sh"));
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.workspace().join(name);
        let folder = file.parent().context("no folder")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// A script at the place of Claude Code's that runs its argument with bash and ends as it does. It waits a second
    /// before, as an agent's model lets it wait for longer: who starts programs before it is watched has its flows asked about.
    fn claude_code(&self) -> Result<PathBuf> {
        let folder = self.home().join(".npm-global/lib/node_modules/@anthropic-ai/claude-code");
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let file = folder.join("cli.js");
        let text = "const { spawn } = require('child_process');\n\
                    const work = () => spawn('bash', process.argv.slice(2), { stdio: 'inherit' })\n  \
                      .on('exit', (code, signal) => process.exit(signal ? 1 : code));\n\
                    setTimeout(work, 1000);\n";
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }

    /// A shell that no session is about: downloads are kept for the next run.
    fn unwatched(&self) -> Command {
        let mut command = self.dress(Command::new("bash"));
        for (variable, folder) in CACHES {
            command.env(variable, self.cache.join(folder));
        }
        command
    }

    /// In the workspace, with the environment of a person's shell.
    fn dress(&self, mut command: Command) -> Command {
        command.env_clear().current_dir(self.workspace());
        command.envs(env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_kept)));
        let own = PROGRAMS.map(|folder| self.home().join(folder));
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&path))).unwrap_or(path);
        if let (None, Some(home)) = (env::var_os("RUSTUP_HOME"), env::home_dir()) {
            command.env("RUSTUP_HOME", home.join(".rustup"));
        }
        command
            .env("PATH", path)
            .env("HOME", self.home())
            .env("ASIDE", self.aside())
            .env("FILES", &self.work.folder)
            .env("DEBIAN", &self.debian)
            .env("PACKAGES", self.work.packages());
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
