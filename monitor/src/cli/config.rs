//! `interlock config check`.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
};
use crate::{config::FILE, daemon};

#[derive(Debug, Subcommand)]
pub enum Configuration {
    /// Report every problem of the configuration, its rules and its catalogues, without starting anything
    Check(Reading),
}

impl Configuration {
    pub fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let Self::Check(reading) = self;
        let printer = global.printer(*reading);
        let config = global.config(&printer)?;
        daemon::verify(&config).map_err(|problems| printer.refuse(Exit::Usage, &problems))?;
        if printer.is_json() {
            printer.json(&json!({ "problems": [], "files": config.files }))?;
            return Ok(Exit::Success);
        }
        if config.files.is_empty() {
            let file = global.config_file().unwrap_or(Path::new(FILE));
            printer.data(&format!("{}: there is none: the defaults apply", file.display()))?;
        }
        for file in &config.files {
            printer.data(&format!("{}: no problem", file.display()))?;
        }
        Ok(Exit::Success)
    }
}
