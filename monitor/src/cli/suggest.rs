//! `interlock suggest`.

use std::{
    fs::File,
    io::{BufReader, stdin},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::{id, plain},
    printer::Printer,
    record::RecordSessions,
};
use crate::policy::{self, shipped::Shipped};
use interlock_core::{
    replay::{Record, read},
    suggest::{Basis, Corpus, Learner, Left, Suggestions},
};

#[derive(Args, Debug)]
pub struct Suggest {
    /// The session, as `interlock ps` and `events` print it [default: the file's, where it has only one]
    #[arg(value_parser = id, required_unless_present = "file")]
    session: Option<String>,
    /// Learn from what `interlock record` wrote, without a daemon; - for stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The rules that exceptions are proposed to: a file or a directory [default: the configured rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Attack sessions that must stay stopped, besides the built-in ones: cases as `interlock rules test` plays them
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Suggest {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        let config = global.config(&printer)?;
        let wrong = |problems| printer.refuse(Exit::Usage, &problems);
        let shipped = Shipped::configured(&config).map_err(wrong)?;
        let mut catalog = policy::catalog::configured(config.catalog.as_deref(), &shipped).map_err(wrong)?;
        let basis = self.rules.as_deref().or(config.rules.as_deref());
        let basis = basis.map(policy::rules::read).transpose().map_err(wrong)?;
        let basis = Basis::new(shipped.rules(), basis).map_err(wrong)?;
        basis.rules().switch_packs(&mut catalog).map_err(wrong)?;
        let corpus =
            self.corpus.as_ref().map(|path| policy::cases::read(&[path])).transpose().map_err(wrong)?;
        let corpus = Corpus::new(corpus.as_deref(), &basis, &catalog).map_err(wrong)?;
        let record = self.record(global, &printer)?;
        let learner = Learner { basis: &basis, catalog: &catalog, corpus: &corpus };
        let learned = learner.learn(&self.one_session(record)?);
        show(&learned, &printer)?;
        Ok(if learned.proposals.is_empty() { Exit::Negative } else { Exit::Success })
    }

    fn record(&self, global: &Global, printer: &Printer) -> Result<Record, Failure> {
        let read = match (&self.file, &self.session) {
            (Some(file), _) if file == Path::new("-") => read("stdin", stdin().lock()),
            (Some(file), _) => {
                let name = file.display().to_string();
                let opened = File::open(file).map_err(|error| {
                    let text = format!("{name}: cannot be read: {error}; check the path");
                    Failure::new(Exit::Usage, text)
                })?;
                read(&name, BufReader::new(opened))
            }
            (None, Some(session)) => {
                let lines = RecordSessions::lines(&global.client()?, session)?;
                if lines.iter().filter(|byte| **byte == b'\n').count() < 2 {
                    let text =
                        format!("the daemon has no events of {session}; `interlock ps` lists the sessions");
                    return Err(Failure::new(Exit::Negative, text));
                }
                read(&format!("events of {session}"), lines.as_slice())
            }
            (None, None) => {
                return Err(Failure::new(Exit::Usage, "neither a session nor a file is named"));
            }
        };
        read.map_err(|problems| printer.refuse(Exit::Usage, &problems))
    }

    fn one_session(&self, record: Record) -> Result<Record, Failure> {
        let known = record.sessions();
        let is_meant = |id: &&&str| {
            self.session.as_ref().is_none_or(|session| {
                session == **id || id.split_once('-').is_some_and(|(root, _)| root == session)
            })
        };
        match known.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
            [one] => {
                let one = (**one).to_owned();
                Ok(record.of(&one))
            }
            others => {
                let text = if others.is_empty() { "no such session" } else { "more than one session" };
                let known = known.join(", ");
                Err(Failure::new(Exit::Usage, format_args!("{text} in the record; name one of {known}")))
            }
        }
    }
}

/// The file goes to stdout, ready to be kept; what is not proposed, and why, to stderr.
fn show(learned: &Suggestions, printer: &Printer) -> Result<(), Failure> {
    if printer.is_json() {
        return printer.json(learned);
    }
    if !learned.objections.is_empty() {
        printer.say(&format!("nothing is learned from session {}:", plain(&learned.session)));
        learned.objections.iter().for_each(|why| printer.say(&format!("  {}", plain(why))));
        return Ok(());
    }
    for Left { rule, findings, why } in &learned.left {
        let first = findings.first().map(|seen| seen.event.as_str()).unwrap_or_default();
        let more = findings.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        printer.say(&plain(&format!("nothing is proposed for {rule}: {first}{more}: {why}")));
    }
    match &learned.file {
        Some(file) => printer.data(file.trim_end()),
        None => {
            printer.say(&format!("session {}: no exception to propose", plain(&learned.session)));
            Ok(())
        }
    }
}
