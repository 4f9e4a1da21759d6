//! `interlock ledger verify`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    claims::{Claims, bytes},
    keys::Trusted,
    places::{Files, Places},
    verified::Verified,
    wording,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
        printer::Printer,
    },
    ledger::tree::{CHECKPOINT_FILE, PUBLIC_FILE, Proof, ProofError},
};

#[derive(Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    places: Places,
    /// A checkpoint that was kept elsewhere; may be given several times: the place of a change lies between two. The one
    /// beside the ledger is always looked at
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Check one record's proof instead, as `interlock ledger prove` wrote it; no ledger is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoint", "paths"])]
    proof: Option<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
    #[command(flatten)]
    reading: Reading,
}

/// A proof of one record that holds.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Proven {
    /// True: what does not hold is no output, and exit code 1.
    holds: bool,
    /// Who signed the checkpoint.
    origin: String,
    /// Records that it is about.
    records: u64,
    /// Of the tree over these, in base64.
    root: String,
    /// The record that was proved.
    record: serde_json::Value,
}

impl Verify {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        if let Some(proof) = &self.proof {
            return self.check_proof(proof, global, &printer);
        }
        let files = self.places.find(global, &printer)?;
        let claims = self.claims(&files, &printer)?;
        let verified = Verified::of(&files, claims, &printer)?;
        verified.show(&printer)?;
        Ok(if verified.holds() { Exit::Success } else { Exit::Negative })
    }

    fn claims(&self, files: &Files, printer: &Printer) -> Result<Claims, Failure> {
        let mut paths = self.checkpoint.clone();
        let beside = files.dir.join(CHECKPOINT_FILE);
        if beside.exists() && (self.trusted.is_given() || files.dir.join(PUBLIC_FILE).exists()) {
            paths.push(beside);
        }
        if paths.is_empty() && self.trusted.is_given() {
            // Closed: whoever names a key asks whether something is signed with it.
            return Err(Failure::new(
                Exit::Usage,
                format_args!(
                    "--key and --witness check a checkpoint, and none lies in {}; name a checkpoint with --checkpoint",
                    files.dir.display()
                ),
            ));
        }
        Claims::read(&paths, || self.trusted.keys(&files.dir, printer))
    }

    fn check_proof(&self, path: &Path, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        let dir = global.state(printer)?;
        let keys = self.trusted.keys(&dir, printer)?;
        let text = String::from_utf8_lossy(&bytes(path)?).into_owned();
        let checked = Proof::read(&text).and_then(|proof| Ok((proof.check(&keys)?, proof)));
        let ((link, signed), proof) = match checked {
            Ok(checked) => checked,
            Err(why) => {
                let usage = matches!(why, ProofError::Form { .. });
                let exit = if usage { Exit::Usage } else { Exit::Negative };
                return Err(Failure::new(
                    exit,
                    format_args!("{}: this proof proves nothing: {why}", path.display()),
                ));
            }
        };
        if printer.is_json() {
            let record: serde_json::Value = serde_json::from_slice(&proof.line).unwrap_or_default();
            let root = signed.root.to_string();
            let proven = Proven { holds: true, origin: signed.origin, records: signed.size, root, record };
            printer.json(&proven)?;
            return Ok(Exit::Success);
        }
        printer.data(&wording::line(&link, &TimeZone::system(), None))?;
        printer.data(&format!(
            "record {} is one of the first {} that {} signed",
            link.seq, signed.size, signed.origin
        ))?;
        for (witness, at) in &signed.witnesses {
            let at = at.map_or(String::new(), |at| format!(" at {at}"));
            printer.data(&format!("cosigned by {witness}{at}"))?;
        }
        Ok(Exit::Success)
    }
}
