//! What checking a ledger gave.

use std::{ops::ControlFlow, path::Path};

use serde::Serialize;

use super::{
    claims::{ClaimView, Claims},
    places::Files,
};
use crate::{
    cli::{exit::Failure, language::plain, printer::Printer},
    ledger::{Fault, Head, scan::Found},
};

/// Faults that one JSON document lists; each line of a file that is no ledger is one.
const LISTED: usize = 10_000;

#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Verified {
    holds: bool,
    records: u64,
    head: Option<HeadView>,
    files: Vec<FileView>,
    /// Of all faults, also those that are not listed.
    faults_total: u64,
    faults: Vec<FaultView>,
    checkpoints: Vec<ClaimView>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct HeadView {
    seq: u64,
    hash: String,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct FileView {
    path: String,
    records: u64,
    first: Option<u64>,
    last: Option<u64>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct FaultView {
    path: String,
    line: Option<u64>,
    record: Option<u64>,
    fault: &'static str,
    message: String,
}

impl Verified {
    /// Reads the files. Faults are printed as they are found, so that a file of nothing else is not kept in memory.
    pub fn of(files: &Files, mut claims: Claims, printer: &Printer) -> Result<Self, Failure> {
        let mut verified = Self::default();
        let mut failed = None;
        let check = files.scan(&mut |found| {
            if let Found::Line(line) = &found {
                claims.push(line.bytes);
            }
            match verified.take(found, printer) {
                Ok(()) => ControlFlow::Continue(()),
                Err(failure) => {
                    failed = Some(failure);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(failure) = failed {
            return Err(failure);
        }
        let (checkpoints, all_hold) = claims.finish();
        let head = check.head.filter(|head| *head != Head::START);
        Ok(Self {
            holds: verified.faults_total == 0 && all_hold,
            records: check.records,
            head: head.map(|head| HeadView { seq: head.seq, hash: head.hash.to_string() }),
            checkpoints,
            ..verified
        })
    }

    pub fn holds(&self) -> bool {
        self.holds
    }

    fn take(&mut self, found: Found<'_>, printer: &Printer) -> Result<(), Failure> {
        match found {
            Found::File(path) => {
                let path = path.display().to_string();
                self.files.push(FileView { path, records: 0, first: None, last: None });
            }
            Found::Line(line) => {
                if let (Some(file), Some(link)) = (self.files.last_mut(), &line.link) {
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

    pub fn show(&self, printer: &Printer) -> Result<(), Failure> {
        if printer.is_json() {
            return printer.json(self);
        }
        for file in &self.files {
            let FileView { path, records, first, last } = file;
            let range =
                first.zip(*last).map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
            printer.data(&plain(&format!("{path}  {records} records{range}")))?;
        }
        for claim in &self.checkpoints {
            printer.data(&plain(&claim.text()))?;
        }
        let head =
            self.head.as_ref().map_or(String::new(), |head| format!("; head {}:{}", head.seq, head.hash));
        if self.faults_total > 0 {
            return printer.data(&format!("{} faults in {} records{head}", self.faults_total, self.records));
        }
        printer.data(&format!("{} records hold together{head}", self.records))?;
        if self.checkpoints.is_empty() {
            printer.say("a cut at the end, or a ledger written anew, shows only against a checkpoint or a head that was kept elsewhere");
        }
        Ok(())
    }
}
