//! `interlock drill`.

use std::path::PathBuf;

use clap::Args;

use super::{
    Global, Reading,
    exit::{Exit, Failure},
    privilege,
};

/// What a drill does.
#[derive(Args, Clone, Debug, Default)]
pub struct DrillOptions {
    /// Approve the held request, and see it arrive
    #[arg(long, conflicts_with_all = ["observe", "sweep"])]
    pub approve: bool,
    /// Stop nothing, and see what would have been done
    #[arg(long, conflicts_with = "sweep")]
    pub observe: bool,
    /// Search for credentials instead, and see the search frozen
    #[arg(long)]
    pub sweep: bool,
    /// Directory for the drill's own state [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
}

impl DrillOptions {
    pub(super) fn perform(self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        privilege::require("the drill", &printer)?;
        // Errors of a drill are a chain: what failed, and why.
        let outcome = crate::drill::run(self)
            .map_err(|error| Failure::new(Exit::Negative, format_args!("{error:#}")))?;
        if printer.is_json() {
            printer.json(&outcome)?;
        } else {
            printer.data(&outcome.to_string())?;
        }
        Ok(if outcome.passed() { Exit::Fine } else { Exit::Negative })
    }
}
