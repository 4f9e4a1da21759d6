//! Placeholder of the branch `control`: the drill's author writes this module.

use std::{fmt, process::ExitCode};

#[derive(Debug, serde::Serialize)]
pub struct DrillOutcome {}

impl DrillOutcome {
    pub fn passed(&self) -> bool {
        false
    }
}

impl fmt::Display for DrillOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no drill")
    }
}

pub fn run(_: crate::cli::drill::DrillOptions) -> anyhow::Result<DrillOutcome> {
    anyhow::bail!("this build has no drill")
}

pub fn stage_main(_: Vec<String>) -> ExitCode {
    ExitCode::FAILURE
}
