//! A time summed up.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::{
    gathered::Gathered,
    hold::{Decider, deciders, waiting},
    next::next,
    tally::Tally,
};
use crate::archive::{Found, Notes};
use interlock_core::event_fields::{at, text, texts};

#[derive(Debug, Serialize, schemars::JsonSchema)]
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
        summary.next =
            next(summary.total, &summary.waiting, summary.lost_records, &gathered.lessons, (since, until));
        summary
    }

    fn count(&mut self, event: &Value, tally: Tally, zone: &TimeZone) {
        if tally == Tally::default() {
            return;
        }
        self.total.add(tally);
        let name = |field: &str| text(event, field).unwrap_or("unknown").to_owned();
        self.by_agent.entry(name("interlock.session.agent")).or_default().add(tally);
        self.by_user.entry(name("user.id")).or_default().add(tally);
        let day = at(event).map(|at| at.to_zoned(zone.clone()).date().to_string());
        self.by_day.entry(day.unwrap_or_else(|| "unknown".into())).or_default().add(tally);
        for rule in texts(event, "rule.id") {
            self.by_rule.entry(rule.to_owned()).or_default().add(tally);
        }
    }
}
