//! `interlock drill`: the incident of April 2026 again, with real parts and no network.
//!
//! A real daemon watches a scripted agent that finds a token which is not its own and asks a provider to delete a
//! volume. The provider is a TLS server in a network namespace without a way out, and it counts every byte that
//! arrives. See `docs/drill.md`.

mod act;
pub mod certificate;
mod client;
mod daemon;
mod events;
mod home;
pub mod journal;
pub mod namespace;
mod options;
mod processes;
mod provider;
mod request;
pub mod resolver;
mod sandbox;
mod steps;
mod timeline;
mod verdict;
mod wait;
mod wire;

use std::{ffi::OsString, fmt, path, process::ExitCode};

use anyhow::{Context, Result, bail};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub use self::options::Options;
use self::options::Variant;
#[cfg(test)]
pub use self::verdict::Report;
use interlock_core::facts::Mode;

/// How it ended; shown as its text, serialized as its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Nothing left before a person had decided. The exit code is 0 only then.
    pub stopped: bool,
    /// For programs.
    pub json: Value,
    /// For people: the timeline and the verdict, at most 100 columns.
    pub text: String,
}

impl Outcome {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.stopped
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

const OPENING: &str = "\
An agent on a staging task, a token that is not its own, and one request: April 2026, again.
Real programs, a real daemon, a real server. No network, and nothing of yours is touched.
";

/// Plays the drill, in about four seconds.
///
/// Call it on the main thread before any other thread is started: then Ctrl-C ends it with everything cleaned up.
///
/// # Errors
/// Something is missing (root, `ip`, `curl`), a part failed, or the drill proves nothing; the message says which.
pub fn run(options: Options) -> Result<Outcome> {
    let variant = Variant::chosen(&options)?;
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the drill needs root, for the daemon's probes and for a network namespace; try `sudo interlock drill`"
        );
    }
    let missing = sandbox::missing_programs(options.agent_script.is_none());
    if !missing.is_empty() {
        bail!("the drill needs programs that are not in the PATH, please install {}", missing.join(", "));
    }
    let say = |what: &str| {
        if !options.json {
            anstream::eprintln!("drill: {what}");
        }
    };
    let program: OsString = std::env::current_exe().context("this program's own file is not known")?.into();
    let wait = wait::Wait::new()?;
    let directory = tempfile::Builder::new()
        .prefix("interlock-drill-")
        .tempdir()
        .context("the drill needs a temporary directory")?;
    let files = options.state.clone().unwrap_or_else(|| directory.path().join("state"));
    // The daemon takes absolute paths only.
    let files = path::absolute(files).context("the state directory's name is empty")?;
    let mode = if variant == Variant::Observe { Mode::Observe } else { Mode::Enforce };

    say("starting a daemon of its own");
    let daemon = daemon::Daemon::start(&program, directory.path(), &files, mode, &wait)?;
    say("raising the sandbox: a provider, a resolver and an agent, without a network");
    let plan = sandbox::Plan {
        directory: directory.path().join("stage"),
        sweep: variant == Variant::Sweep,
        script: options.agent_script.clone(),
    };
    let home = plan.directory.join("home");
    let remote = wire::Remote::start(&program, &plan)?;
    say("the agent begins");
    let evidence = act::perform(variant, &daemon.client, remote, &wait)?;
    drop(daemon);

    let stopped = verdict::stopped(&evidence)?;
    let moments = verdict::moments(&evidence, &home.to_string_lossy());
    let json = verdict::json(&evidence, stopped, &moments)?;
    let text =
        format!("{OPENING}{}\n{}\n", timeline::render(&moments), verdict::sentence(&evidence, stopped));
    Ok(Outcome { stopped, json, text })
}

/// The hidden verb `drill-sandbox`: a part of the drill in a process of its own. Call it before any thread is started.
#[must_use]
pub fn sandbox_main(args: Vec<String>) -> ExitCode {
    if let Err(why) = wait::hear_signals() {
        anstream::eprintln!("drill-sandbox: {why:#}");
        return ExitCode::FAILURE;
    }
    if let [flag, config] = args.as_slice()
        && flag == "--daemon"
    {
        return daemon::become_daemon(config);
    }
    let played =
        wire::plan(args).and_then(|plan| wire::play(&plan, std::io::stdin().lock(), std::io::stdout()));
    match played {
        Ok(code) => code,
        Err(why) => {
            anstream::eprintln!("drill-sandbox: {why:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_drill_at_a_time() {
        assert_eq!(Variant::chosen(&Options::default()).unwrap(), Variant::Hold);
        let two = Options { approve: true, sweep: true, ..Options::default() };
        assert!(run(two).unwrap_err().to_string().contains("choose one"));
    }
}
