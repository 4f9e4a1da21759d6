//! What the run found, for people and for programs.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{judgement::Judgement, session::Outcome, work::Work};

/// How often a silent piece of work may alert.
const ALERTS: usize = 1;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Done, and no rule did more than alert, once at most.
    Silent,
    /// As it must be: the control.
    Stopped,
    /// Not done, or a rule stopped something, or there were more alerts; the control: nothing stopped it.
    Failed,
    Skipped,
}

/// What became of one piece of work.
pub struct Performed {
    pub outcome: Outcome,
    pub home: String,
    pub tools: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub work: String,
    pub result: Verdict,
    /// Of the place, which is gone.
    #[serde(skip)]
    pub home: String,
    /// With their versions.
    pub tools: Vec<String>,
    /// Preparing included.
    seconds: f64,
    events: usize,
    /// By rule.
    pub alerts: BTreeMap<String, usize>,
    /// Each different alert, with how often it came.
    alert_details: BTreeMap<String, usize>,
    /// By class and name.
    connections: BTreeMap<String, usize>,
    /// What was stopped, what went wrong, why it was skipped.
    pub reasons: Vec<String>,
}

impl Row {
    pub fn new(work: &Work, took: Duration, performed: &Performed) -> Self {
        let (result, judgement, reasons) = match &performed.outcome {
            Outcome::Skipped(why) => (Verdict::Skipped, None, vec![why.clone()]),
            Outcome::Done { judgement, trouble } => {
                let (result, reasons) = verdict(work.about.must_be_stopped, judgement, trouble);
                (result, Some(judgement.clone()), reasons)
            }
        };
        let judgement = judgement.unwrap_or_default();
        Self {
            work: work.name().to_owned(),
            result,
            home: performed.home.clone(),
            tools: performed.tools.clone(),
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
fn verdict(must_be_stopped: bool, judgement: &Judgement, trouble: &[String]) -> (Verdict, Vec<String>) {
    let mut reasons = [judgement.stopped.as_slice(), trouble].concat();
    let alerts: usize = judgement.alerts.values().sum();
    match (must_be_stopped, judgement.stopped.is_empty(), trouble.is_empty()) {
        (false, true, true) if alerts > ALERTS => {
            reasons.push(format!("alerted {alerts} times; expected {ALERTS} at most"));
            (Verdict::Failed, reasons)
        }
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
        self.alert_details
            .iter()
            .try_for_each(|(alert, count)| write!(formatter, "\n   {count} x {alert}"))?;
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
    pub rows: Vec<Row>,
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
        let minutes = self.rows.iter().map(|row| row.seconds).sum::<f64>() / 60.0;
        lines.push(format!(
            "{silent} silent, {control}{failed} failed, {skipped} skipped, in {minutes:.1} min"
        ));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_of(name: &str, outcome: Outcome) -> Row {
        let about = toml::from_str(&format!("name = '{name}'\nsummary = ''")).unwrap();
        let work = Work { kind: "test".to_owned(), folder: name.into(), repository: false, about };
        let performed = Performed { outcome, home: String::new(), tools: Vec::new() };
        Row::new(&work, Duration::from_millis(1234), &performed)
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn judgement(alerts: usize, stopped: &[&str]) -> Judgement {
        let details = BTreeMap::from([("foreign-secret-read: secret-read /x".to_owned(), alerts)]);
        let alerts = BTreeMap::from([("foreign-secret-read".to_owned(), alerts)]);
        Judgement { events: 7, alerts, details, stopped: owned(stopped), ..Judgement::default() }
    }

    fn row(stopped: &[&str], trouble: &[&str]) -> Row {
        row_of("git", Outcome::Done { judgement: judgement(1, stopped), trouble: owned(trouble) })
    }

    fn skipped() -> Row {
        row_of("gh", Outcome::Skipped("gh is missing".to_owned()))
    }

    #[test]
    fn a_row_is_silent_only_where_nothing_was_stopped_and_the_work_was_done() {
        assert_eq!(row(&[], &[]).result, Verdict::Silent);
        assert_eq!(row(&["flow-held"], &[]).result, Verdict::Failed);
        assert_eq!(row(&[], &["failed (exit status: 1)"]).result, Verdict::Failed);
    }

    #[test]
    fn one_alert_is_silent_and_two_are_not() {
        assert_eq!(verdict(false, &judgement(1, &[]), &[]).0, Verdict::Silent);
        let (result, reasons) = verdict(false, &judgement(2, &[]), &[]);
        assert_eq!(result, Verdict::Failed);
        assert_eq!(reasons, ["alerted 2 times; expected 1 at most"]);
    }

    #[test]
    fn the_control_fails_where_nothing_stopped_it() {
        let held = judgement(1, &["flow-held"]);
        assert_eq!(verdict(true, &held, &[]).0, Verdict::Stopped);
        assert_eq!(verdict(true, &held, &owned(&["no session began"])).0, Verdict::Failed);
        let (result, reasons) = verdict(true, &judgement(1, &[]), &[]);
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
            "git   FAILED   1.2      7       foreign-secret-read 1",
            "gh    SKIPPED  1.2      0       none",
            "alert  git  1 x foreign-secret-read: secret-read /x",
            "FAILED  git  flow-held: connect x",
            "SKIPPED  gh  gh is missing",
            "0 silent, 1 failed, 1 skipped, in 0.0 min",
        ];
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }
}
