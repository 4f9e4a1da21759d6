//! `interlock ledger prove`.

use std::{ops::ControlFlow, path::PathBuf};

use clap::Args;

use super::{
    claims::signed,
    keys::Trusted,
    places::{Files, Places},
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
        printer::Printer,
    },
    ledger::{
        scan::Found,
        tree::{CHECKPOINT_FILE, Proof, Prover, Signed},
    },
};

#[derive(Args, Debug)]
pub struct Prove {
    /// The record's number, as `interlock ledger show` prints it
    #[arg(value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    record: u64,
    #[command(flatten)]
    places: Places,
    /// The checkpoint to prove it against [default: the newest that the daemon wrote beside the ledger]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
}

impl Prove {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        let files = self.places.find(global, &printer)?;
        let keys = self.trusted.keys(&files.dir, &printer)?;
        let path = self.checkpoint.clone().unwrap_or_else(|| files.dir.join(CHECKPOINT_FILE));
        let (checkpoint, signed) = signed(&path, &keys)?;
        let proof = self.proof(&files, checkpoint, &signed)?;
        // Ours must be one that others accept: a ledger that was changed gives none.
        proof.check(&keys).map_err(|why| {
            Failure::new(
                Exit::Negative,
                format_args!("record {} cannot be proved: {why}; see `interlock ledger verify`", self.record),
            )
        })?;
        printer.data(proof.text().trim_end_matches('\n'))?;
        tell(&printer, self.record, &signed);
        Ok(Exit::Success)
    }

    /// Reads the ledger once, up to the checkpoint's last record.
    fn proof(&self, files: &Files, checkpoint: Vec<u8>, signed: &Signed) -> Result<Proof, Failure> {
        let record = self.record;
        let refused = |why: String| Failure::new(Exit::Negative, why);
        let index = record.saturating_sub(1);
        let Some(mut prover) = Prover::new(signed.size, index) else {
            return Err(refused(format!(
                "record {record} is not among the {} that the checkpoint is about; the daemon signs again within seconds of a record",
                signed.size
            )));
        };
        let mut line = None;
        files.scan(&mut |found| {
            if let Found::Line(read) = found {
                if prover.tree().size() == index {
                    line = Some(read.bytes.to_vec());
                }
                prover.push(read.bytes);
            }
            if prover.tree().size() == signed.size {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let path = prover.finish();
        let Some((line, path)) = line.zip(path) else {
            return Err(refused(format!(
                "the ledger has {} records here, and the checkpoint is about {}: records were cut off, or files are missing",
                prover.tree().size(),
                signed.size
            )));
        };
        Ok(Proof { index, path, line, checkpoint })
    }
}

fn tell(printer: &Printer, record: u64, signed: &Signed) {
    let Signed { origin, size, .. } = signed;
    printer.say(&format!(
        "record {record} is one of the first {size} that {origin} signed; whoever has its key checks this by \
         `interlock ledger verify --proof FILE --key KEY`"
    ));
}
