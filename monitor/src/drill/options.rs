//! What to play.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;

/// What to play. At most one of `approve`, `observe` and `sweep`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The person approves the held request.
    pub approve: bool,
    /// The daemon only writes down what it would have done.
    pub observe: bool,
    /// The agent searches a home full of credentials, so that its tree is frozen before it asks for anything.
    pub sweep: bool,
    /// Keeps the daemon's files (ledger, configuration, log) in this directory.
    pub state: Option<PathBuf>,
    /// No words on standard error while it runs.
    pub json: bool,
    /// Another executable script, run as the agent instead of the drill's own.
    pub agent_script: Option<PathBuf>,
}

/// The four stories that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// Held, and denied by the person.
    Hold,
    Sweep,
    Observe,
    /// Held, and approved by the person.
    Approve,
}

impl Variant {
    /// The one that the options name.
    pub fn chosen(options: &Options) -> Result<Self> {
        match (options.approve, options.observe, options.sweep) {
            (false, false, false) => Ok(Self::Hold),
            (true, false, false) => Ok(Self::Approve),
            (false, true, false) => Ok(Self::Observe),
            (false, false, true) => Ok(Self::Sweep),
            _ => bail!("approve, observe and sweep are different drills; choose one"),
        }
    }
}
