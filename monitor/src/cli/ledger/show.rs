//! `interlock ledger show`.

use std::ops::ControlFlow;

use clap::Args;
use jiff::tz::TimeZone;

use super::{filter::Filter, places::Places, wording};
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
        language::plain,
        printer::{Printer, complain},
    },
    ledger::scan::{Found, Line},
};

#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    reading: Reading,
}

impl Show {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        let files = self.places.find(global, &printer)?;
        let mut shown = Shown { printer: &printer, zone: TimeZone::system(), records: 0, faults: 0 };
        let mut failed = None;
        files.scan(&mut |found| match shown.take(found, &self.filter) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        });
        match failed {
            Some(failure) => Err(failure),
            None => shown.finish(),
        }
    }
}

struct Shown<'p> {
    printer: &'p Printer,
    zone: TimeZone,
    records: u64,
    faults: u64,
}

impl Shown<'_> {
    fn take(&mut self, found: Found<'_>, filter: &Filter) -> Result<(), Failure> {
        match found {
            Found::File(_) => Ok(()),
            Found::Fault(path, fault) => {
                self.faults += 1;
                complain(&plain(&format!("{}: {fault}", path.display())));
                Ok(())
            }
            Found::Line(Line { bytes, link: Some(link), .. }) if filter.admits(link) => {
                self.records += 1;
                if self.printer.is_json() {
                    // As it was written: the bytes are what the hash covers.
                    let line =
                        String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(bytes)).into_owned();
                    let before = if self.records == 1 { "[" } else { "," };
                    return self.printer.data(&format!("{before}{line}"));
                }
                let width = self.printer.width().map(usize::from);
                self.printer.data(&wording::line(link, &self.zone, width))
            }
            Found::Line(_) => Ok(()),
        }
    }

    fn finish(self) -> Result<Exit, Failure> {
        if self.printer.is_json() {
            self.printer.data(if self.records == 0 { "[]" } else { "]" })?;
        } else if self.records == 0 {
            self.printer.say("no records");
        }
        if self.faults > 0 {
            complain("the ledger does not hold together: `interlock ledger verify` sums up");
            return Ok(Exit::Negative);
        }
        Ok(Exit::Success)
    }
}
