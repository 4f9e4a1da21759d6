//! What events say, gathered over all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    hold::{Held, take},
    tally::Tally,
};
use interlock_core::event_fields::text;

/// What is gathered besides the counts.
#[derive(Debug, Default)]
pub struct Gathered {
    pub holds: BTreeMap<String, Held>,
    /// By session: what would have been held, and what a person approved; from both something can be learned.
    pub lessons: BTreeMap<String, u64>,
    pub sessions: BTreeSet<String>,
    pub incomplete: BTreeSet<String>,
    /// By session: the event counts all that were lost so far.
    pub lost: BTreeMap<String, u64>,
}

impl Gathered {
    /// Takes an event; returns its counts.
    pub fn take(&mut self, event: &Value) -> Tally {
        let mut tally = take(&mut self.holds, event);
        let times = event.get("interlock.count").and_then(Value::as_u64).unwrap_or(1);
        let action = text(event, "event.action").unwrap_or_default();
        match action {
            "session-frozen" | "session-killed" => tally.frozen = 1,
            "flow-denied" | "syscall-denied" | "connect-refused"
                if text(event, "interlock.hold.id").is_none() =>
            {
                tally.refused = times;
            }
            action if action.starts_with("would-") => tally.would = times,
            _ => {}
        }
        if text(event, "event.kind") == Some("alert") {
            tally.alerts = times;
        }
        if let Some(session) = text(event, "interlock.session.id") {
            self.note(session, action, tally, event);
        }
        tally
    }

    fn note(&mut self, session: &str, action: &str, tally: Tally, event: &Value) {
        self.sessions.insert(session.to_owned());
        if action == "would-hold" || tally.approved > 0 {
            *self.lessons.entry(session.to_owned()).or_default() += tally.would + tally.approved;
        }
        if event.get("interlock.session.incomplete") == Some(&Value::Bool(true)) || action == "records-lost" {
            self.incomplete.insert(session.to_owned());
        }
        if action == "records-lost" {
            let lost = event.get("interlock.lost").and_then(Value::as_u64).unwrap_or(1);
            let known = self.lost.entry(session.to_owned()).or_default();
            *known = lost.max(*known);
        }
    }
}
