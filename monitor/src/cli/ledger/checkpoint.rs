//! `interlock ledger checkpoint`.

use std::{fs, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::claims::signed;
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
    },
    ledger::tree::{CHECKPOINT_FILE, Keys, PUBLIC_FILE},
};

#[derive(Args, Debug)]
pub struct Checkpoint {
    /// The directory of the ledger [default: the configured state directory]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the host's public key instead: what others need for checking
    #[arg(long)]
    key: bool,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct CheckpointView {
    key: String,
    origin: String,
    records: u64,
    root: String,
    /// The signed note, as it is handed on.
    note: String,
}

impl Checkpoint {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => global.state(&printer)?,
        };
        let beside = dir.join(PUBLIC_FILE);
        let key = fs::read_to_string(&beside).map_err(|error| {
            let beside = beside.display();
            let text = format!(
                "{beside}: cannot be read: {error}; the daemon makes it at its first start (as root)"
            );
            Failure::new(Exit::Usage, text)
        })?;
        let key = key.trim_end().to_owned();
        if self.key && !printer.is_json() {
            printer.data(&key)?;
            return Ok(Exit::Success);
        }
        let keys = Keys::read(&key, &[]).map_err(|problem| {
            Failure::new(Exit::Negative, format_args!("{}: {problem}", beside.display()))
        })?;
        let (bytes, signed) = signed(&dir.join(CHECKPOINT_FILE), &keys)?;
        let note = String::from_utf8_lossy(&bytes).into_owned();
        if printer.is_json() {
            let (origin, records, root) = (signed.origin, signed.size, signed.root.to_string());
            printer.json(&CheckpointView { key, origin, records, root, note })?;
        } else {
            printer.data(note.trim_end_matches('\n'))?;
        }
        Ok(Exit::Success)
    }
}
