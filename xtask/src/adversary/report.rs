//! What a run found, for people and for programs.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

use super::{
    act::{self, Program},
    arena::Played,
    grammar::Drawn,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Clone, Debug, Serialize)]
pub struct Find {
    /// Absent where the mark arrived after its batch was over: then the acts tell.
    pub seed: Option<u64>,
    pub why: String,
    pub acts: Program,
    /// Absent where there were too many finds; null inside where it was not seen again.
    pub smallest: Option<Option<Program>>,
}

/// How far programs got.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub backend: String,
    pub seed: u64,
    pub programs: u64,
    pub seconds: f64,
    /// Sessions that began.
    pub begun: u64,
    /// Programs that got the token.
    pub touched: u64,
    /// Whose touch the daemon told.
    pub reported: u64,
    /// Programs whose calls to send were accepted.
    pub sent: u64,
    /// Of these: with a hold that the daemon told, or a connection or a socket that it refused.
    pub held: u64,
    pub refused: u64,
    /// Programs whose marked bytes arrived.
    pub arrived: u64,
    /// Of whose sessions the daemon lost records, as it says: then it takes them for having touched everything.
    pub incomplete: u64,
    /// Programs that did not end by themselves.
    pub killed: u64,
    /// Acts that were drawn and left out, by name.
    pub left_out: BTreeMap<String, u64>,
    /// Acts that failed, by their first word.
    pub failed: BTreeMap<String, u64>,
    /// Everything that the daemon told, by name.
    pub events: BTreeMap<String, u64>,
    pub finds: Vec<Find>,
}

impl Report {
    pub fn new(backend: String, seed: u64) -> Self {
        Self { backend, seed, ..Self::default() }
    }

    pub fn count(&mut self, drawn: &Drawn, played: &Played, arrived: bool) {
        let one = u64::from;
        self.programs += 1;
        self.begun += one(played.said("begun"));
        self.touched += one(played.said("touched"));
        self.reported += one(played.was("secret-read"));
        self.sent += one(played.said("sent") || arrived);
        self.held += one(played.was("flow-held"));
        self.refused += one(played.was("connect-refused") || played.was("flow-denied"));
        self.arrived += one(arrived);
        self.incomplete += one(played.was("records-lost"));
        self.killed += one(played.killed);
        for name in &drawn.left_out {
            *self.left_out.entry(name.clone()).or_default() += 1;
        }
        for (name, count) in &played.events {
            *self.events.entry(name.clone()).or_default() += *count as u64;
        }
        for word in &played.words {
            if let Some(failed) = word.strip_prefix("failed ") {
                let name = failed.split([' ', '(', ':']).next().unwrap_or_default();
                let why = failed.rsplit(": ").next().unwrap_or_default();
                let why = why.split(" (os").next().unwrap_or_default();
                *self.failed.entry(format!("{name} ({why})")).or_default() += 1;
            } else if !["begun", "touched", "sent", "answered"].contains(&word.as_str()) {
                *self.failed.entry(format!("said: {word}")).or_default() += 1;
            }
        }
    }

    /// No find, in a run that could have had one: most programs got to their send.
    pub fn is_good(&self) -> bool {
        self.finds.is_empty() && self.is_worth_something()
    }

    fn is_worth_something(&self) -> bool {
        self.programs > 0 && self.sent * 2 > self.programs
    }

    /// # Errors
    /// It cannot be printed.
    pub fn print(&self, output: Output) -> Result<()> {
        match output {
            Output::Json => println!("{}", serde_json::to_string_pretty(self).context("no report")?),
            Output::Table => println!("{}", self.table()),
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut lines = vec![self.to_string()];
        let list = |what: &BTreeMap<String, u64>| {
            let list: Vec<String> = what.iter().map(|(name, count)| format!("{name} {count}")).collect();
            list.join(", ")
        };
        lines.push(format!("drawn and left out: {}", list(&self.left_out)));
        lines.push(format!("acts that failed: {}", list(&self.failed)));
        lines.push(format!("the daemon told: {}", list(&self.events)));
        for find in &self.finds {
            let seed =
                find.seed.map_or_else(|| "of an earlier batch".to_owned(), |seed| format!("seed {seed}"));
            lines.push(format!("FIND: {seed}: {}\n  acts     {}", find.why, act::encode(&find.acts)));
            lines.push(match &find.smallest {
                Some(Some(smallest)) => format!("  smallest {}", act::encode(smallest)),
                Some(None) => "  not seen again".to_owned(),
                None => "  not made smaller: there are too many finds".to_owned(),
            });
        }
        if !self.is_worth_something() {
            lines.push("too few programs got to their send for the run to mean anything".to_owned());
        }
        lines.join("\n")
    }
}

/// The line that is shown while it runs.
impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speed = self.programs as f64 / self.seconds.max(0.001);
        write!(
            to,
            "{} programs in {:.0} s ({speed:.0}/s): begun {}, touched {} (told {}), sent {}, held {}, refused {}, records lost {}, killed {}; arrived {}",
            self.programs,
            self.seconds,
            self.begun,
            self.touched,
            self.reported,
            self.sent,
            self.held,
            self.refused,
            self.incomplete,
            self.killed,
            self.arrived
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(programs: u64, sent: u64) -> Report {
        Report { programs, sent, ..Report::default() }
    }

    #[test]
    fn a_run_in_which_nothing_was_sent_is_not_good() {
        assert!(report(10, 6).is_good());
        assert!(!report(10, 5).is_good() && !report(0, 0).is_good());
        let find = Find { seed: Some(1), why: String::new(), acts: Vec::new(), smallest: None };
        assert!(!Report { finds: vec![find], ..report(10, 10) }.is_good());
    }

    #[test]
    fn what_a_program_says_is_counted() {
        let words = ["begun", "touched", "failed Send { gap: 1 }: Broken pipe (os error 32)", "odd"]
            .map(str::to_owned)
            .to_vec();
        let played = Played { words, ..Played::default() };
        let drawn = Drawn { program: Vec::new(), left_out: vec!["touch/way/inherited".to_owned()] };
        let mut report = Report::default();
        report.count(&drawn, &played, false);
        assert_eq!((report.begun, report.touched, report.sent, report.arrived), (1, 1, 0, 0));
        assert_eq!(
            report.failed,
            BTreeMap::from([("Send (Broken pipe)".to_owned(), 1), ("said: odd".to_owned(), 1)])
        );
        assert_eq!(report.left_out, BTreeMap::from([("touch/way/inherited".to_owned(), 1)]));
    }
}
