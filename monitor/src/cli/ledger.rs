//! `interlock ledger`: no daemon and no secret is needed; what reads works on a copy elsewhere as well.

mod checkpoint;
mod claims;
mod export;
mod filter;
mod keys;
mod places;
mod prove;
mod show;
mod verified;
mod verify;
mod wording;

#[cfg(test)]
pub(super) use self::{checkpoint::CheckpointView, verified::Verified, verify::Proven};
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
    /// Write a proof that the signed ledger has a record, which others check without the rest of it
    Prove(prove::Prove),
    /// Write records in the form of other programs
    Export(export::Export),
    /// Print the newest signed checkpoint, or the host's public key
    Checkpoint(checkpoint::Checkpoint),
}

impl Ledger {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Verify(verify) => verify.perform(global),
            Self::Show(show) => show.perform(global),
            Self::Prove(prove) => prove.perform(global),
            Self::Export(export) => export.perform(global),
            Self::Checkpoint(checkpoint) => checkpoint.perform(global),
        }
    }
}
