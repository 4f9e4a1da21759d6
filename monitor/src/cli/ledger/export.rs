//! `interlock ledger export`.

use std::{fs, ops::ControlFlow};

use clap::{Args, ValueEnum};

use super::{filter::Filter, places::Places};
use crate::{
    cli::{
        exit::{Exit, Failure},
        global::{Global, Reading},
        language::plain,
        printer::{Printer, complain},
    },
    ledger::{
        export::{Ocsf, csv},
        scan::{Found, Line},
        tree::PUBLIC_FILE,
    },
};

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    filter: Filter,
    /// The form
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The records' own lines, as they were written
    #[default]
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// OCSF 1.9 events with the profile record_integrity, one a line
    Ocsf,
}

impl Export {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        let files = self.places.find(global, &printer)?;
        let key = fs::read_to_string(files.dir.join(PUBLIC_FILE)).ok();
        let chain = key.as_deref().and_then(|key| key.split_once('+')).map(|(name, _)| name);
        let mut ocsf = Ocsf::new(chain);
        if self.format == Format::Csv {
            printer.data(csv::HEADER)?;
        }
        let (mut failed, mut faults) = (None, 0_u64);
        files.scan(&mut |found| {
            let written = match found {
                Found::Line(line) => self.write(&printer, &mut ocsf, line),
                Found::Fault(path, fault) => {
                    faults += 1;
                    complain(&plain(&format!("{}: {fault}", path.display())));
                    Ok(())
                }
                Found::File(_) => Ok(()),
            };
            written.map_or_else(
                |failure| {
                    failed = Some(failure);
                    ControlFlow::Break(())
                },
                ControlFlow::Continue,
            )
        });
        match failed {
            Some(failure) => Err(failure),
            None if faults > 0 => Ok(Exit::Negative),
            None => Ok(Exit::Success),
        }
    }

    fn write(&self, printer: &Printer, ocsf: &mut Ocsf, line: &Line<'_>) -> Result<(), Failure> {
        let Some((link, head)) = line.link.as_ref().zip(line.head) else { return Ok(()) };
        if !self.filter.admits(link) {
            ocsf.pass(link);
            return Ok(());
        }
        match self.format {
            Format::Jsonl => {
                let content = line.bytes.strip_suffix(b"\n").unwrap_or(line.bytes);
                printer.data(&String::from_utf8_lossy(content))
            }
            Format::Csv => printer.data(&csv::line(link, head)),
            Format::Ocsf => printer.data(&ocsf.event(link, head, line.bytes).to_string()),
        }
    }
}
