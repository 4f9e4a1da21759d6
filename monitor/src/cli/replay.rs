//! `interlock replay`.

use std::{
    fs::File,
    io::{BufReader, stdin},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::{moment, plain},
    printer::Printer,
    rule_test::Configured,
};
use interlock_core::{
    replay::{Record, read},
    rule_test::describe,
    rules::RuleSet,
};

const HEADERS: [&str; 5] = ["TIME", "SESSION", "EVENT", "BEFORE", "AFTER"];

#[derive(Args, Debug)]
pub struct Replay {
    /// What `interlock record` wrote; - for stdin
    file: PathBuf,
    /// The rules to judge by: a file or a directory [default: the configured rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Compare with these rules [default: with what was decided at the time]
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// An event that the rules decide otherwise.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
struct Changed {
    line: u64,
    id: String,
    time: Timestamp,
    session: String,
    event: String,
    before: String,
    after: String,
}

/// What judging again gave.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Replayed {
    /// Events that were judged.
    judged: usize,
    /// Events that the recorder had missed.
    lost: u64,
    /// SHA-256 of the rules, hexadecimal.
    rules: String,
    /// Of those that they were compared with.
    against: Option<String>,
    changes: Vec<Changed>,
}

impl Replay {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        let configured = Configured::read(global, &printer)?;
        let load = |path: Option<&Path>| configured.rules(path, &printer).map(Arc::new);
        let newer = load(self.rules.as_deref())?;
        let older = self.against.as_deref().map(|path| load(Some(path))).transpose()?;
        let record = self.record(&printer)?;
        let replayed = Replayed {
            judged: record.judge(&newer).len(),
            lost: record.lost,
            rules: newer.sha256().to_owned(),
            against: older.as_ref().map(|rules| rules.sha256().to_owned()),
            changes: changes(&record, &newer, older.as_ref()),
        };
        replayed.show(&printer)?;
        Ok(if replayed.changes.is_empty() { Exit::Success } else { Exit::Negative })
    }

    fn record(&self, printer: &Printer) -> Result<Record, Failure> {
        let name = self.file.display().to_string();
        let read = if name == "-" {
            read("stdin", stdin().lock())
        } else {
            let file = File::open(&self.file).map_err(|error| {
                Failure::new(Exit::Usage, format_args!("{name}: cannot be read: {error}; check the path"))
            })?;
            read(&name, BufReader::new(file))
        };
        read.map_err(|problems| printer.refuse(Exit::Usage, &problems))
    }
}

fn changes(record: &Record, newer: &Arc<RuleSet>, older: Option<&Arc<RuleSet>>) -> Vec<Changed> {
    let after = record.judge(newer);
    let before = older.map(|older| record.judge(older));
    let mut changes = Vec::new();
    for (place, ruled) in after.iter().enumerate() {
        let entry = ruled.entry;
        let earlier = before.as_ref().and_then(|before| before.get(place));
        let same = earlier.map_or_else(
            || entry.is_decided_as(&ruled.decisions),
            |earlier| earlier.decisions == ruled.decisions,
        );
        if !same {
            changes.push(Changed {
                line: entry.line,
                id: entry.id.clone(),
                time: entry.time,
                session: entry.session.clone(),
                event: entry.describe(),
                before: earlier
                    .map_or_else(|| entry.describe_decision(), |earlier| describe(&earlier.decisions)),
                after: describe(&ruled.decisions),
            });
        }
    }
    changes
}

impl Replayed {
    fn show(&self, printer: &Printer) -> Result<(), Failure> {
        if printer.is_json() {
            return printer.json(self);
        }
        if !self.changes.is_empty() {
            let zone = TimeZone::system();
            printer.list(&self.changes, "", &HEADERS, |changed| {
                let Changed { time, session, event, before, after, .. } = changed;
                vec![moment(*time, &zone), session.clone(), event.clone(), before.clone(), after.clone()]
            })?;
        }
        if self.lost > 0 {
            printer.say(&format!(
                "{} events are missing from the record: what follows them may differ",
                self.lost
            ));
        }
        let count = self.changes.len();
        printer.data(&plain(&format!("{} events judged again, {count} decided otherwise", self.judged)))
    }
}
