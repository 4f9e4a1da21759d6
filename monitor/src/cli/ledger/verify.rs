//! `interlock ledger verify`.

use std::{ops::ControlFlow, path::Path};

use clap::Args;
use serde::Serialize;

use super::places::{Files, Places};
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
        language::plain,
        printer::Printer,
    },
    ledger::{Fault, Head, scan::Found},
};

/// Faults that one JSON document lists; each line of a file that is no ledger is one.
const LISTED: usize = 10_000;

#[derive(Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    reading: Reading,
}

/// What checking a ledger gave.
#[derive(Debug, Serialize)]
struct Verified {
    holds: bool,
    records: u64,
    head: Option<HeadView>,
    files: Vec<FileView>,
    /// Of all faults, also those that are not listed.
    faults_total: u64,
    faults: Vec<FaultView>,
}

#[derive(Debug, Serialize)]
struct HeadView {
    seq: u64,
    hash: String,
}

#[derive(Debug, Serialize)]
struct FileView {
    path: String,
    records: u64,
    first: Option<u64>,
    last: Option<u64>,
}

#[derive(Debug, Serialize)]
struct FaultView {
    path: String,
    line: Option<u64>,
    record: Option<u64>,
    fault: &'static str,
    message: String,
}

impl Verify {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        let files = self.places.find(global, &printer)?;
        let verified = verify(&files, &printer)?;
        verified.show(&printer)?;
        Ok(if verified.holds { Exit::Success } else { Exit::Negative })
    }
}

/// Faults are printed as they are found, so that a file of nothing else is not kept in memory.
fn verify(files: &Files, printer: &Printer) -> Result<Verified, Failure> {
    let mut verified = Verified {
        holds: true,
        records: 0,
        head: None,
        files: Vec::new(),
        faults_total: 0,
        faults: Vec::new(),
    };
    let mut failed = None;
    let check = files.scan(&mut |found| match verified.take(found, printer) {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => {
            failed = Some(failure);
            ControlFlow::Break(())
        }
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    verified.records = check.records;
    verified.head = check
        .head
        .filter(|head| *head != Head::START)
        .map(|head| HeadView { seq: head.seq, hash: head.hash.to_string() });
    Ok(verified)
}

impl Verified {
    fn take(&mut self, found: Found<'_>, printer: &Printer) -> Result<(), Failure> {
        match found {
            Found::File(path) => {
                let path = path.display().to_string();
                self.files.push(FileView { path, records: 0, first: None, last: None });
            }
            Found::Line(line) => {
                if let (Some(file), Some(link)) = (self.files.last_mut(), line.link) {
                    file.records += 1;
                    file.first = file.first.or(Some(link.seq));
                    file.last = Some(link.seq);
                }
            }
            Found::Fault(path, fault) => return self.note(path, &fault, printer),
        }
        Ok(())
    }

    fn note(&mut self, path: &Path, fault: &Fault, printer: &Printer) -> Result<(), Failure> {
        self.holds = false;
        self.faults_total += 1;
        if !printer.is_json() {
            return printer.data(&plain(&format!("{}: {fault}", path.display())));
        }
        if self.faults.len() < LISTED {
            self.faults.push(FaultView {
                path: path.display().to_string(),
                line: fault.line(),
                record: fault.record(),
                fault: fault.word(),
                message: fault.to_string(),
            });
        }
        Ok(())
    }

    fn show(&self, printer: &Printer) -> Result<(), Failure> {
        if printer.is_json() {
            return printer.json(self);
        }
        for file in &self.files {
            let FileView { path, records, first, last } = file;
            let range =
                first.zip(*last).map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
            printer.data(&plain(&format!("{path}  {records} records{range}")))?;
        }
        let head =
            self.head.as_ref().map_or(String::new(), |head| format!("; head {}:{}", head.seq, head.hash));
        if self.holds {
            printer.data(&format!("{} records hold together{head}", self.records))?;
            printer.say(
                "a cut at the end, or a ledger written anew, shows only against a head or a checkpoint kept elsewhere",
            );
        } else {
            printer.data(&format!("{} faults in {} records{head}", self.faults_total, self.records))?;
        }
        Ok(())
    }
}
