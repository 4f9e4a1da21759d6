//! `interlock drill`.

use std::path::PathBuf;

use clap::Args;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    privilege,
};
use crate::drill::{self, Options};

/// The drill to play.
#[derive(Args, Debug)]
pub struct Drill {
    /// Approve the held request, and see it arrive
    #[arg(long, conflicts_with_all = ["observe", "sweep"])]
    approve: bool,
    /// Stop nothing, and see what would have been done
    #[arg(long, conflicts_with = "sweep")]
    observe: bool,
    /// Search for credentials instead, and see the search frozen
    #[arg(long)]
    sweep: bool,
    /// Keep the daemon's files (ledger, configuration, log) in this directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Executable script that plays the agent instead of the drill's own
    #[arg(long, value_name = "FILE")]
    agent_script: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Drill {
    pub(super) fn perform(self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        privilege::require("the drill", &printer)?;
        let options = Options {
            approve: self.approve,
            observe: self.observe,
            sweep: self.sweep,
            state: self.state,
            json: printer.is_json() || global.quiet,
            agent_script: self.agent_script,
        };
        // The whole chain: what failed, and why.
        let failed = |error: anyhow::Error| Failure::new(Exit::Negative, format_args!("{error:#}"));
        let outcome = drill::run(options).map_err(failed)?;
        if printer.is_json() {
            printer.json(&outcome.json)?;
        } else {
            printer.data(outcome.text.trim_end())?;
        }
        Ok(if outcome.stopped { Exit::Success } else { Exit::Negative })
    }
}
