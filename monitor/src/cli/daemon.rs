//! `interlock daemon`.

use std::io::{self, IsTerminal as _};

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    privilege,
};

#[derive(Args, Debug)]
pub struct Daemon {
    /// Let go of everything an earlier daemon left in force, and end
    #[arg(long)]
    release: bool,
}

impl Daemon {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        privilege::require("the daemon", &printer)?;
        let mut config = global.config(&printer)?;
        if let Some(socket) = &global.socket {
            config.socket.clone_from(socket);
        }
        start_log(&config.log)?;
        crate::daemon::run(config, self.release).map_err(|error| Failure::caused(Exit::Negative, &error))?;
        Ok(Exit::Success)
    }
}

/// The daemon's own log, to stderr: the journal's where systemd runs it.
fn start_log(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| Failure::new(Exit::Usage, error))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        log.try_init()
    } else if std::env::var_os("JOURNAL_STREAM").is_some() {
        // The journal stamps each line itself.
        log.with_ansi(false).without_time().try_init()
    } else {
        log.with_ansi(false).try_init()
    };
    started.map_err(|error| Failure::new(Exit::Negative, format_args!("the log cannot be started: {error}")))
}
