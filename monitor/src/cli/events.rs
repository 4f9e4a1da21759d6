//! `interlock events`.

pub(super) mod line;

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use self::line::describe;
use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::id,
    past,
    printer::Printer,
    time::{in_order, moment_before},
    wait::wait,
};
use crate::{archive::Question, control::client::Client};

/// Events that are printed where nothing says how many.
const NEWEST: usize = 1000;

#[derive(Args, Debug)]
pub struct Events {
    /// Go on with what happens
    #[arg(long, short)]
    follow: bool,
    /// From then on: 2h, 7d, 2026-11-20, 2026-11-20T10:00
    #[arg(long, value_name = "TIME", value_parser = moment_before)]
    since: Option<Timestamp>,
    /// Until then, in the same words
    #[arg(long, value_name = "TIME", value_parser = moment_before, conflicts_with = "follow")]
    until: Option<Timestamp>,
    /// Only those of one session
    #[arg(long, value_name = "SESSION", value_parser = id)]
    session: Option<String>,
    /// Only those of one kind (the field event.action): secret-read, flow-held …
    #[arg(long, value_name = "KIND", value_parser = id)]
    kind: Option<String>,
    /// Only those that this rule matched
    #[arg(long, value_name = "RULE", value_parser = id)]
    rule: Option<String>,
    /// Only alerts
    #[arg(long)]
    alerts: bool,
    /// The newest N [default: 1000, with --since all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Read the files alone, without asking a daemon (as root)
    #[arg(long, conflicts_with = "follow")]
    files: bool,
    #[command(flatten)]
    pub reading: Reading,
}

impl Events {
    pub fn perform(&self, client: &Client, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        in_order(self.since, self.until)?;
        let printed = if self.follow {
            wait(self.follow(client, &printer))?
        } else {
            self.list(client, global, &printer)?
        };
        if printed == 0 && !printer.is_json() {
            printer.say("no events");
        }
        Ok(Exit::Success)
    }

    fn question(&self) -> Question {
        let unbounded = self.since.is_some() || self.follow;
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        Question {
            follow: self.follow,
            files: !self.follow || self.since.is_some(),
            since: self.since,
            until: self.until,
            session: self.session.clone(),
            kind: self.kind.clone(),
            rule: self.rule.clone(),
            alerts: self.alerts,
            limit: limit.or((!unbounded).then_some(NEWEST)),
            ..Question::default()
        }
    }

    /// One line each as they come.
    async fn follow(&self, client: &Client, printer: &Printer) -> Result<usize, Failure> {
        let mut lines = client.stream(&past::path(&self.question())).await?;
        let (zone, mut printed) = (TimeZone::system(), 0);
        while let Some(event) = lines.next().await? {
            if past::is_event(&event, |text| printer.say(text)) {
                print(&event, &zone, printer)?;
                printed += 1;
            }
        }
        printer.say("the daemon has ended");
        Ok(printed)
    }

    fn list(&self, client: &Client, global: &Global, printer: &Printer) -> Result<usize, Failure> {
        let found = past::ask(client, global, printer, &self.question(), self.files)?;
        let zone = TimeZone::system();
        for event in &found.events {
            print(event, &zone, printer)?;
        }
        Ok(found.events.len())
    }
}

/// A line, or the event as one line of JSON.
fn print(event: &Value, zone: &TimeZone, printer: &Printer) -> Result<(), Failure> {
    printer.data(&if printer.is_json() { event.to_string() } else { describe(event, zone) })
}
