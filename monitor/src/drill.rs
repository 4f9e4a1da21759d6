//! Placeholder of the branch `control`: the drill's author writes this module.

use std::{path::PathBuf, process::ExitCode};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub approve: bool,
    pub observe: bool,
    pub sweep: bool,
    pub state: Option<PathBuf>,
    pub json: bool,
    pub agent_script: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub stopped: bool,
    pub json: serde_json::Value,
    pub text: String,
}

pub fn run(_: Options) -> anyhow::Result<Outcome> {
    anyhow::bail!("this build has no drill")
}

pub fn stage_main(_: Vec<String>) -> ExitCode {
    ExitCode::FAILURE
}
