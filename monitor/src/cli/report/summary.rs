//! A time summed up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::{
    hold::{Decider, Held, deciders, take, waiting},
    next::next,
    tally::Tally,
};
use crate::{
    archive::{Found, Notes},
    cli::events::line::{at, text},
};

#[derive(Debug, Serialize)]
pub struct Summary {
    pub since: Timestamp,
    pub until: Timestamp,
    /// The first event that there is; what was before is not known.
    pub first: Option<Timestamp>,
    /// Sessions that the events name.
    pub sessions: usize,
    pub total: Tally,
    /// What several rules matched counts for each.
    pub by_rule: BTreeMap<String, Tally>,
    pub by_agent: BTreeMap<String, Tally>,
    /// By uid.
    pub by_user: BTreeMap<String, Tally>,
    pub by_day: BTreeMap<String, Tally>,
    pub deciders: BTreeMap<String, Decider>,
    /// Holds whose end nothing tells.
    pub waiting: Vec<String>,
    /// Sessions of which not all is known.
    pub incomplete: Vec<String>,
    /// Records that were lost in the kernel.
    pub lost_records: u64,
    pub not_read: Notes,
    /// What to do about it, a sentence or a command each.
    pub next: Vec<String>,
}

/// What is gathered besides the counts.
#[derive(Debug, Default)]
pub struct Gathered {
    pub holds: BTreeMap<String, Held>,
    /// By session: what would have been held, and what a person approved; from both something can be learned.
    pub lessons: BTreeMap<String, u64>,
    sessions: BTreeSet<String>,
    incomplete: BTreeSet<String>,
    /// By session: the event counts all that were lost so far.
    lost: BTreeMap<String, u64>,
}

impl Summary {
    #[must_use]
    pub fn of(found: &Found, (since, until): (Timestamp, Timestamp), zone: &TimeZone) -> Self {
        let mut gathered = Gathered::default();
        let mut summary = Self {
            since,
            until,
            first: found.events.iter().filter_map(at).min(),
            sessions: 0,
            total: Tally::default(),
            by_rule: BTreeMap::new(),
            by_agent: BTreeMap::new(),
            by_user: BTreeMap::new(),
            by_day: BTreeMap::new(),
            deciders: BTreeMap::new(),
            waiting: Vec::new(),
            incomplete: Vec::new(),
            lost_records: 0,
            not_read: found.notes.clone(),
            next: Vec::new(),
        };
        for event in &found.events {
            let tally = gathered.take(event);
            summary.count(event, tally, zone);
        }
        summary.sessions = gathered.sessions.len();
        summary.deciders = deciders(&gathered.holds);
        summary.waiting = waiting(&gathered.holds).into_iter().map(str::to_owned).collect();
        summary.incomplete = gathered.incomplete.iter().cloned().collect();
        summary.lost_records = gathered.lost.values().sum();
        summary.next = next(&summary, &gathered);
        summary
    }

    fn count(&mut self, event: &Value, tally: Tally, zone: &TimeZone) {
        if tally == Tally::default() {
            return;
        }
        self.total.add(tally);
        let name = |field: &str| text(event, field).unwrap_or("unknown").to_owned();
        self.by_agent.entry(name("session.agent")).or_default().add(tally);
        self.by_user.entry(name("user.id")).or_default().add(tally);
        let day = at(event).map(|at| at.to_zoned(zone.clone()).date().to_string());
        self.by_day.entry(day.unwrap_or_else(|| "unknown".into())).or_default().add(tally);
        for rule in rules(event) {
            self.by_rule.entry(rule.to_owned()).or_default().add(tally);
        }
    }
}

impl Gathered {
    fn take(&mut self, event: &Value) -> Tally {
        let mut tally = take(&mut self.holds, event);
        let times = event.get("event.count").and_then(Value::as_u64).unwrap_or(1);
        let action = text(event, "event.action").unwrap_or_default();
        match action {
            "session-frozen" | "session-killed" => tally.frozen = 1,
            "flow-denied" | "syscall-denied" | "connect-refused" if text(event, "hold.id").is_none() => {
                tally.refused = times;
            }
            action if action.starts_with("would-") => tally.would = times,
            _ => {}
        }
        if text(event, "event.kind") == Some("alert") {
            tally.alerts = times;
        }
        if let Some(session) = text(event, "session.id") {
            self.note(session, action, tally, event);
        }
        tally
    }

    fn note(&mut self, session: &str, action: &str, tally: Tally, event: &Value) {
        self.sessions.insert(session.to_owned());
        if action == "would-hold" || tally.approved > 0 {
            *self.lessons.entry(session.to_owned()).or_default() += tally.would + tally.approved;
        }
        if event.get("session.incomplete") == Some(&Value::Bool(true)) || action == "records-lost" {
            self.incomplete.insert(session.to_owned());
        }
        if action == "records-lost" {
            let lost = event.get("interlock.lost").and_then(Value::as_u64).unwrap_or(1);
            let known = self.lost.entry(session.to_owned()).or_default();
            *known = lost.max(*known);
        }
    }
}

fn rules(event: &Value) -> impl Iterator<Item = &str> {
    event.get("rule.id").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
