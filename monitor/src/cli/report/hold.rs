//! Holds, from the events that tell of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::tally::Tally;
use interlock_core::event_fields::{at, text};

/// One hold.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// When it was opened; `None` where that was before the time that is looked at.
    pub opened: Option<Timestamp>,
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
struct Outcome {
    how: How,
    by: String,
    at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Approved,
    Denied,
    Unanswered,
    Gone,
}

/// One who decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Decider {
    pub approved: u64,
    pub denied: u64,
    /// How long holds had waited for them, seconds: half of them no longer than this …
    pub median_seconds: Option<i64>,
    /// … and none longer than this.
    pub longest_seconds: Option<i64>,
    #[serde(skip)]
    waits: Vec<i64>,
}

/// What an event means for the hold that it names: its counts.
pub fn take(holds: &mut BTreeMap<String, Held>, event: &Value) -> Tally {
    let mut tally = Tally::default();
    let (Some(id), Some(action)) = (text(event, "interlock.hold.id"), text(event, "event.action")) else {
        return tally;
    };
    let hold = holds.entry(id.to_owned()).or_default();
    let by = text(event, "interlock.hold.decided_by").unwrap_or_default();
    let how = match action {
        "flow-held" | "syscall-held" if hold.opened.is_none() => {
            hold.opened = at(event);
            tally.held = 1;
            return tally;
        }
        "flow-released" => How::Approved,
        "flow-denied" if by.starts_with("uid ") => How::Denied,
        "flow-denied" | "hold-expired" => How::Unanswered,
        "hold-gone" => How::Gone,
        _ => return tally,
    };
    if hold.outcome.is_none() {
        match how {
            How::Approved => tally.approved = 1,
            How::Denied => tally.denied = 1,
            How::Unanswered => tally.unanswered = 1,
            How::Gone => tally.gone = 1,
        }
        hold.outcome = Some(Outcome { how, by: by.to_owned(), at: at(event) });
    }
    tally
}

/// Who decided, by the text that events name them with.
pub fn deciders(holds: &BTreeMap<String, Held>) -> BTreeMap<String, Decider> {
    let mut deciders: BTreeMap<String, Decider> = BTreeMap::new();
    for hold in holds.values() {
        let Some(Outcome { how: how @ (How::Approved | How::Denied), by, at }) = &hold.outcome else {
            continue;
        };
        let decider = deciders.entry(by.clone()).or_default();
        *if *how == How::Approved { &mut decider.approved } else { &mut decider.denied } += 1;
        let waited = hold.opened.zip(*at).map(|(opened, at)| at.as_second() - opened.as_second());
        decider.waits.extend(waited);
    }
    for decider in deciders.values_mut() {
        decider.waits.sort_unstable();
        let half = decider.waits.len().saturating_sub(1) / 2;
        decider.median_seconds = decider.waits.get(half).copied();
        decider.longest_seconds = decider.waits.last().copied();
    }
    deciders
}

/// Holds that nothing says the end of.
pub fn waiting(holds: &BTreeMap<String, Held>) -> Vec<&str> {
    holds.iter().filter(|(_, hold)| hold.outcome.is_none()).map(|(id, _)| id.as_str()).collect()
}
