//! `interlock config check`.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
};
use crate::config::FILE;

#[derive(Debug, Subcommand)]
pub enum Configuration {
    /// Report every problem of the configuration file, without starting anything
    Check(Reading),
}

impl Configuration {
    pub fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let Self::Check(reading) = self;
        let printer = global.printer(*reading);
        let file = global.config_file().unwrap_or(Path::new(FILE));
        global.config(&printer)?;
        if printer.is_json() {
            printer.json(&json!({ "problems": [] }))?;
            return Ok(Exit::Success);
        }
        let found = if file.exists() { "no problem" } else { "there is none: the defaults apply" };
        printer.data(&format!("{}: {found}", file.display()))?;
        Ok(Exit::Success)
    }
}
