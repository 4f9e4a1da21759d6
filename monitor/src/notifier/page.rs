//! A message as a person reads it: a title, lines of names and values, and what to type. Each form escapes it in its own way.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::notice::{Notice, cut, fit};
use crate::config::Class;
use interlock_core::{facts::HoldState, words::Word as _};

/// Longest title, characters: what Slack's header has room for.
const TITLE: usize = 150;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub rows: Vec<(&'static str, String)>,
    /// Commands, to be typed on the machine itself.
    pub commands: Vec<String>,
    /// What the reader must not believe.
    pub note: &'static str,
}

/// Whoever reads the channel, the agent too, may answer there: it is worth nothing.
const NOTE: &str = "An answer in this channel decides nothing. Decide on the machine.";

impl Page {
    #[must_use]
    pub fn of(notice: &Notice, now: Timestamp, zone: &TimeZone) -> Self {
        let (commands, note) = if notice.waits() { (to_type(notice), NOTE) } else { (Vec::new(), "") };
        Self { title: cut(&title(notice), TITLE), rows: rows(notice, now, zone), commands, note }
    }

    /// The lines, names padded to one width.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: Vec<String> =
            self.rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
        lines.join("\n")
    }

    /// Everything, without any marks.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_within(usize::MAX, |_| 1)
    }

    /// Everything that costs at most `budget`; what is cut is the table, never what to type.
    #[must_use]
    pub fn text_within(&self, budget: usize, cost: impl Fn(char) -> usize + Copy) -> String {
        let mut text = self.end();
        let left = budget.saturating_sub(text.chars().map(cost).sum());
        text.insert_str(0, &fit(&self.table(), left, cost));
        text
    }

    fn end(&self) -> String {
        let mut text = String::new();
        for command in &self.commands {
            text.push_str(&format!("\n$ {command}"));
        }
        if !self.note.is_empty() {
            text.push_str(&format!("\n{}", self.note));
        }
        text
    }
}

fn title(notice: &Notice) -> String {
    let Notice { host, key, .. } = notice;
    let what = notice.object.as_deref().or(notice.session.as_deref()).unwrap_or_default();
    let severity = notice.severity.word();
    let title = match (notice.class, &notice.decided) {
        (Class::Hold, _) => format!("{key} waits for a yes or no on {host} ({severity}): {what}"),
        (_, Some(decided)) => format!("{key} {} on {host}: {what}", ended(decided.state)),
        (Class::Decided, None) => format!("{key} is over on {host}: {what}"),
        (Class::Freeze, _) => format!("frozen on {host}: {what}"),
        (Class::Thaw, _) => format!("thawed on {host}: {what}"),
        (Class::Kill, _) => format!("killed on {host}: {what}"),
        (Class::Alert, _) => format!("alert on {host} ({severity}): {} {what}", notice.action),
        (Class::Would, _) => format!("observed on {host}: {} {what}", notice.action),
        (Class::BreakGlass, _) => format!("break-glass on {host}: {} {what}", notice.action),
        (Class::Health, _) => format!("Interlock on {host} ({severity}): {} {what}", notice.action),
    };
    let times = if notice.count > 1 { format!(" … {} times", notice.count) } else { String::new() };
    format!("{}{times}", title.trim_end_matches([' ', ':']))
}

fn ended(state: HoldState) -> &'static str {
    match state {
        HoldState::Waiting => "waits",
        HoldState::Approved => "was approved",
        HoldState::Denied => "was denied",
        HoldState::Expired => "expired: nobody answered",
        HoldState::Gone => "is gone: its program gave up or ended",
    }
}

fn rows(notice: &Notice, now: Timestamp, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&'static str, String)> = Vec::new();
    let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    row("nobody answered at", notice.escalated_from.clone());
    if let Some(decided) = &notice.decided {
        row("ended", Some(clock(decided.at, zone)));
        row("by", decided.by.clone());
        row("reason", decided.reason.clone());
    }
    row("command", notice.command.clone());
    row("what", notice.object.clone());
    let rules = (!notice.rules.is_empty()).then(|| notice.rules.join(", "));
    row("rule", rules);
    row("why", notice.summary.clone());
    for read in &notice.read {
        row("read before", Some(read.clone()));
    }
    row("read before", (notice.read_more > 0).then(|| format!("and {} more", notice.read_more)));
    row("not known", notice.incomplete.then(|| "all of what the session did before".to_owned()));
    row("agent", notice.agent.clone());
    row("session", notice.session.clone());
    let uid = notice.user.map(|user| format!("uid {user}"));
    row("owner", notice.owner.clone().or(uid));
    row("host", Some(notice.host.clone()));
    row("since", Some(clock(notice.at, zone)));
    if notice.waits() {
        row("in silence", Some(silence(notice, now, zone)));
        row("evidence", notice.evidence.clone());
    }
    row("times", (notice.count > 1).then(|| notice.count.to_string()));
    rows
}

/// What nobody's answer means, and when.
fn silence(notice: &Notice, now: Timestamp, zone: &TimeZone) -> String {
    let then = notice.then.map_or("deny", |then| then.word());
    let Some(deadline) = notice.deadline else { return "it goes on waiting".to_owned() };
    match Duration::try_from(deadline.duration_since(now)) {
        Ok(left) => format!("{then} in {}, at {}", words(left), clock(deadline, zone)),
        Err(_) => format!("{then} at {}", clock(deadline, zone)),
    }
}

fn words(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn to_type(notice: &Notice) -> Vec<String> {
    let key = &notice.key;
    let evidence = notice.evidence.as_ref().map(|token| format!(" --evidence {token}")).unwrap_or_default();
    vec![
        format!("interlock explain {key}"),
        format!("interlock approve {key}{evidence}"),
        format!("interlock deny {key}"),
    ]
}
