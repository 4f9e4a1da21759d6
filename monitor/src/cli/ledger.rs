//! `interlock ledger`: no daemon and no secret is needed; what reads works on a copy elsewhere as well.

mod filter;
mod places;
mod show;
mod verify;
mod wording;

use clap::Subcommand;

use super::{
    exit::{Exit, Failure},
    global::Global,
};

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Check that every record is as it was written, and say what is not
    Verify(verify::Verify),
    /// Print records, one a line
    Show(show::Show),
}

impl Ledger {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Verify(verify) => verify.perform(global),
            Self::Show(show) => show.perform(global),
        }
    }
}
