//! What the run found, for people and for programs.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

use super::{session::Outcome, work::Work};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Done, and no rule did more than alert.
    Silent,
    /// As it must be: the control.
    Stopped,
    /// Not done, or a rule stopped something; the control: nothing did.
    Failed,
    Skipped,
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    work: String,
    result: Verdict,
    /// Preparing included.
    seconds: f64,
    events: usize,
    /// By rule.
    alerts: BTreeMap<String, usize>,
    /// Each different alert, with how often it came.
    alert_details: BTreeMap<String, usize>,
    /// By class and name.
    connections: BTreeMap<String, usize>,
    /// What was stopped, what went wrong, why it was skipped.
    reasons: Vec<String>,
}

impl Row {
    pub fn new(work: &Work, took: Duration, outcome: &Outcome) -> Self {
        let (result, judgement, reasons) = match outcome {
            Outcome::Skipped(why) => (Verdict::Skipped, None, vec![why.clone()]),
            Outcome::Done { judgement, trouble } => {
                let (result, reasons) = verdict(work.about.must_be_stopped, &judgement.stopped, trouble);
                (result, Some(judgement.clone()), reasons)
            }
        };
        let judgement = judgement.unwrap_or_default();
        Self {
            work: work.name.clone(),
            result,
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
            events: judgement.events,
            alerts: judgement.alerts,
            alert_details: judgement.details,
            connections: judgement.connections,
            reasons,
        }
    }

    fn alerts(&self) -> String {
        let alerts: Vec<String> = self.alerts.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        if alerts.is_empty() { "none".to_owned() } else { alerts.join(", ") }
    }

    fn cells(&self) -> [String; 5] {
        let seconds = format!("{:.1}", self.seconds);
        [self.work.clone(), self.result.to_string(), seconds, self.events.to_string(), self.alerts()]
    }
}

/// With its reasons.
fn verdict(must_be_stopped: bool, stopped: &[String], trouble: &[String]) -> (Verdict, Vec<String>) {
    let reasons = [stopped, trouble].concat();
    match (must_be_stopped, stopped.is_empty(), trouble.is_empty()) {
        (false, true, true) => (Verdict::Silent, reasons),
        (true, false, true) => (Verdict::Stopped, reasons),
        (true, true, true) => {
            (Verdict::Failed, vec!["nothing stopped it: no silence of this run proves anything".to_owned()])
        }
        _ => (Verdict::Failed, reasons),
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} in {:.1} s, events: {}, alerts: {}",
            self.result,
            self.seconds,
            self.events,
            self.alerts()
        )?;
        self.reasons.iter().try_for_each(|reason| write!(formatter, "\n   {}", reason.replace('\n', "\n   ")))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Silent => "silent",
            Self::Stopped => "stopped",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
        })
    }
}

#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Something was run, and nothing failed.
    pub fn is_silent(&self) -> bool {
        let ran = self.rows.iter().any(|row| row.result != Verdict::Skipped);
        ran && self.count(Verdict::Failed) == 0
    }

    /// # Errors
    /// The rows cannot be written as JSON.
    pub fn print(&self, output: Output) -> Result<()> {
        match output {
            Output::Json => {
                println!("{}", serde_json::to_string_pretty(&self.rows).context("the report is no JSON")?);
            }
            Output::Table => println!("{}", self.table()),
        }
        Ok(())
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.result == verdict).count()
    }

    fn table(&self) -> String {
        let header = ["WORK", "RESULT", "SECONDS", "EVENTS", "ALERTS"].map(str::to_owned);
        let cells: Vec<[String; 5]> = [header].into_iter().chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| {
            cells.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..4).map(width).chain([0]).collect();
        let mut lines: Vec<String> = (cells.iter())
            .map(|row| {
                row.iter()
                    .zip(&widths)
                    .map(|(cell, width)| format!("{cell:width$}"))
                    .collect::<Vec<_>>()
                    .join("  ")
            })
            .collect();
        for row in &self.rows {
            let details = row
                .alert_details
                .iter()
                .map(|(alert, count)| format!("alert  {}  {count} x {alert}", row.work));
            lines.extend(details);
        }
        for row in &self.rows {
            lines.extend(row.reasons.iter().map(|reason| format!("{}  {}  {reason}", row.result, row.work)));
        }
        let [silent, stopped, failed, skipped] =
            [Verdict::Silent, Verdict::Stopped, Verdict::Failed, Verdict::Skipped]
                .map(|verdict| self.count(verdict));
        let control = if stopped > 0 { format!("{stopped} stopped as it must be, ") } else { String::new() };
        lines.push(format!("{silent} silent, {control}{failed} failed, {skipped} skipped"));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silence::judgement::Judgement;

    fn work(name: &str, must_be_stopped: bool) -> Work {
        let text = format!("summary = ''\nmust_be_stopped = {must_be_stopped}");
        Work { name: name.to_owned(), folder: name.into(), about: toml::from_str(&text).unwrap() }
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn row(stopped: &[&str], trouble: &[&str]) -> Row {
        let alerts = BTreeMap::from([("foreign-secret-read".to_owned(), 2)]);
        let details = BTreeMap::from([("foreign-secret-read: secret-read /x".to_owned(), 2)]);
        let judgement =
            Judgement { events: 7, alerts, details, stopped: owned(stopped), ..Judgement::default() };
        let outcome = Outcome::Done { judgement, trouble: owned(trouble) };
        Row::new(&work("git", false), Duration::from_millis(1234), &outcome)
    }

    fn skipped() -> Row {
        Row::new(&work("gh", false), Duration::ZERO, &Outcome::Skipped("gh is missing".to_owned()))
    }

    #[test]
    fn a_row_is_silent_only_where_nothing_was_stopped_and_the_work_was_done() {
        assert_eq!(row(&[], &[]).result, Verdict::Silent);
        assert_eq!(row(&["flow-held"], &[]).result, Verdict::Failed);
        assert_eq!(row(&[], &["failed (exit status: 1)"]).result, Verdict::Failed);
    }

    #[test]
    fn the_control_fails_where_nothing_stopped_it() {
        assert_eq!(verdict(true, &owned(&["flow-held"]), &[]).0, Verdict::Stopped);
        assert_eq!(verdict(true, &owned(&["flow-held"]), &owned(&["no session began"])).0, Verdict::Failed);
        let (result, reasons) = verdict(true, &[], &[]);
        assert_eq!(result, Verdict::Failed);
        assert!(reasons[0].contains("nothing stopped it"), "{reasons:?}");
    }

    #[test]
    fn a_run_is_silent_where_something_was_done_and_nothing_failed() {
        assert!(!Report { rows: vec![] }.is_silent());
        assert!(!Report { rows: vec![skipped()] }.is_silent());
        assert!(Report { rows: vec![skipped(), row(&[], &[])] }.is_silent());
        assert!(!Report { rows: vec![row(&[], &[]), row(&["flow-held"], &[])] }.is_silent());
    }

    #[test]
    fn the_table_lists_alerts_and_reasons() {
        let table = Report { rows: vec![row(&["flow-held: connect x"], &[]), skipped()] }.table();
        let expected = [
            "WORK  RESULT   SECONDS  EVENTS  ALERTS",
            "git   FAILED   1.2      7       foreign-secret-read 2",
            "gh    SKIPPED  0.0      0       none",
            "alert  git  2 x foreign-secret-read: secret-read /x",
            "FAILED  git  flow-held: connect x",
            "SKIPPED  gh  gh is missing",
            "0 silent, 1 failed, 1 skipped",
        ];
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }
}
