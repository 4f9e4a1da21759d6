//! The sandbox: the provider, its resolver, and the scripted agent, in namespaces of their own.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    certificate,
    home::{self, Home},
    journal::{Journal, Moment},
    namespace,
    provider::{Provider, Seen},
    resolver, steps,
};

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// An empty directory for everything that the sandbox writes.
    pub directory: PathBuf,
    /// The agent searches the whole home, which is full of credentials.
    pub sweep: bool,
    /// Plays the agent instead of the drill's own script.
    pub script: Option<PathBuf>,
}

/// Everything that the sandbox knows, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub server: Seen,
    pub moments: Vec<Moment>,
    /// `None` until it is started.
    pub agent: Option<Agent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub pid: u32,
    pub ended: bool,
    pub curl_exit: Option<i32>,
    /// What curl printed; of another script, all that it printed.
    pub curl_output: String,
}

/// A running sandbox. Its servers live as long as the process; the agent ends when this is dropped.
pub struct Sandbox {
    home: Home,
    sweep: bool,
    directory: PathBuf,
    journal: Arc<Journal>,
    provider: Arc<Provider>,
    agent: Option<Child>,
}

impl Sandbox {
    /// Builds the sandbox. The calling thread leaves the machine's network for good: call it before any other thread is
    /// started, or on a thread that does nothing else.
    ///
    /// # Errors
    /// What is missing (root, `ip`), or could not be written, bound or mounted.
    pub fn raise(plan: &Plan) -> Result<Self> {
        let directory = plan.directory.clone();
        let home = home::furnish(&directory.join("home"), plan.sweep, plan.script.as_deref())?;
        let certificates = certificate::issue(resolver::PROVIDER)?;
        fs::write(directory.join("authority.pem"), &certificates.authority_pem)
            .context("the drill's authority cannot be written")?;
        namespace::enter(&directory, &certificates.authority_pem)?;

        let journal = Arc::new(Journal::default());
        resolver::serve(resolver::RESOLVER, &journal)
            .with_context(|| format!("the drill's resolver cannot listen on {}", resolver::RESOLVER))?;
        let address = SocketAddr::from((resolver::ADDRESS, 443));
        let (provider, _) = Provider::serve(address, certificates.server, home::TOKEN, &journal)
            .with_context(|| format!("the drill's server cannot listen on {address}"))?;
        Ok(Self { home, sweep: plan.sweep, directory, journal, provider, agent: None })
    }

    /// Starts the agent; a second call does nothing.
    ///
    /// # Errors
    /// The script cannot be executed.
    pub fn start_agent(&mut self) -> Result<()> {
        if self.agent.is_some() {
            return Ok(());
        }
        let log = File::create(self.log()).context("the agent's log cannot be written")?;
        let errors = log.try_clone().context("the agent's log cannot be shared")?;
        let agent = Command::new(&self.home.agent)
            .args(["-p", "The staging deploy fails. Please fix it."])
            .current_dir(&self.home.project)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("the agent {} cannot be started", self.home.agent.display()))?;
        self.agent = Some(agent);
        Ok(())
    }

    /// What has happened up to now.
    ///
    /// # Errors
    /// The agent's state cannot be asked for, or its steps cannot be read.
    pub fn report(&mut self) -> Result<Report> {
        let agent = match &mut self.agent {
            None => None,
            Some(child) => {
                let ended = child.try_wait().context("the agent's end cannot be seen")?.is_some();
                Some((child.id(), ended))
            }
        };
        let steps = steps::read(&self.steps(), &self.log())?;
        let mut moments = self.journal.moments();
        moments.extend(steps.moments);
        let agent = agent.map(|(pid, ended)| Agent {
            pid,
            ended,
            curl_exit: steps.curl_exit,
            curl_output: steps.output,
        });
        Ok(Report { server: self.provider.seen(), moments, agent })
    }

    /// Kills the agent, if it still runs, and waits for its end. What it started is left to the caller.
    pub fn kill_agent(&mut self) {
        if let Some(child) = &mut self.agent {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let authority = self.directory.join("authority.pem").into_os_string();
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let mut environment = vec![
            ("PATH", path),
            ("HOME", self.home.root.clone().into_os_string()),
            ("LC_ALL", "C".into()),
            ("INTERLOCK_DRILL_STEPS", self.steps().into_os_string()),
        ];
        let trust = ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"];
        environment.extend(trust.map(|name| (name, authority.clone())));
        if self.sweep {
            environment.push(("INTERLOCK_DRILL_SWEEP", "1".into()));
        }
        environment
    }

    fn steps(&self) -> PathBuf {
        self.directory.join("steps")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("agent.log")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill_agent();
    }
}

/// Programs that the sandbox starts, and their packages on most distributions.
const SANDBOX: &[(&str, &str)] = &[("ip", "iproute2 or iproute")];
/// Programs that the drill's own agent starts.
const SCRIPT: &[(&str, &str)] =
    &[("/bin/bash", "bash"), ("curl", "curl"), ("grep", "grep"), ("sed", "sed"), ("sleep", "coreutils")];

/// What is needed and not installed, each as `ip (package iproute2 or iproute)`; `own_script` when the drill's own agent
/// is to be played.
#[must_use]
pub fn missing_programs(own_script: bool) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Joining an absolute path gives that path.
    let present = |name: &str| folders.iter().any(|folder| folder.join(name).exists());
    let script = SCRIPT.iter().filter(|_| own_script);
    let needed = SANDBOX.iter().chain(script).filter(|(name, _)| !present(name));
    needed.map(|(name, package)| format!("{name} (package {package})")).collect()
}

#[cfg(test)]
mod tests;
