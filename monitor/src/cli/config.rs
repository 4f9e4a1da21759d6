//! `interlock config check`.

use std::path::Path;

use clap::Subcommand;

use super::{
    exit::{Exit, Failure},
    global::Global,
};
use crate::config::{Config, FILE};

#[derive(Debug, Subcommand)]
pub enum Configuration {
    /// Report every problem of the configuration file, without starting anything
    Check,
}

impl Configuration {
    pub fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let Self::Check = self;
        let file = global.config_file().unwrap_or(Path::new(FILE));
        Config::load(global.config_file())?;
        let found = if file.exists() { "no problem" } else { "there is none: the defaults apply" };
        global.printer(super::global::Reading::default()).data(&format!("{}: {found}", file.display()))?;
        Ok(Exit::Success)
    }
}
