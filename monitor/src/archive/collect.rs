//! Events from several places, each once, in their order.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use interlock_core::event_fields::{at, number, text};

/// Events beyond the limit that are kept until repeats are put to what they repeat.
const SLACK: usize = 4096;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order in which they were published.
    pub events: Vec<Value>,
    pub notes: Notes,
}

/// What is missing in an answer, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Notes {
    /// Lines that are no events.
    pub unreadable: u64,
    /// Files that are compressed, which nobody reads here.
    pub compressed: u64,
    /// Older events that were asked for, beyond the limit.
    pub left_off: u64,
    /// What could not be read, a sentence each.
    pub not_read: Vec<String>,
}

impl Notes {
    /// As a line among the events; `None` where nothing is missing.
    #[must_use]
    pub fn line(&self) -> Option<Value> {
        (*self != Self::default()).then(|| json!({ "interlock.files": self }))
    }

    /// Reads what [`Notes::line`] wrote.
    #[must_use]
    pub fn of_line(line: &Value) -> Option<Self> {
        serde_json::from_value(line.get("interlock.files")?.clone()).ok()
    }

    /// What to say about it, a line each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let counted = [
            (self.unreadable, "lines of the files are no events"),
            (
                self.compressed,
                "files of events are compressed and were not read: unpack them beside events.jsonl",
            ),
            (
                self.left_off,
                "older events match too: ask for a shorter time (`interlock events` for more with --limit too)",
            ),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        counted.map(|(count, what)| format!("{count} {what}")).chain(self.not_read.iter().cloned()).collect()
    }

    /// How many events that were asked for may be missing, at least.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.unreadable + self.compressed + self.left_off + self.not_read.len() as u64
    }
}

/// Collects the newest events, each once.
#[derive(Debug)]
pub struct Collector {
    limit: usize,
    /// By their numbers; two of one number differ in their time, where a daemon's state was lost.
    events: BTreeMap<(u64, Option<Timestamp>), Value>,
    /// Of these there is a line with all that was counted. With its time, as another may have the number where a daemon's state was
    /// lost.
    merged: HashMap<String, Option<Timestamp>>,
    left_off: u64,
}

impl Collector {
    #[must_use]
    pub fn new(limit: Option<usize>) -> Self {
        Self {
            limit: limit.unwrap_or(usize::MAX),
            events: BTreeMap::new(),
            merged: HashMap::new(),
            left_off: 0,
        }
    }

    /// Takes an event as the daemon's memory has it: with what was counted of it. These come before those of the files.
    pub fn take_kept(&mut self, event: Value) {
        if let Some(id) = text(&event, "event.id") {
            self.merged.insert(id.to_owned(), at(&event));
        }
        self.take(event);
    }

    /// Takes an event of a file, unless the memory has told it.
    pub fn take_written(&mut self, event: Value) {
        let at = at(&event);
        let kept = |field| text(&event, field).and_then(|id| self.merged.get(id));
        let is_kept = kept("event.id").is_some_and(|kept| *kept == at);
        let is_counted = kept("interlock.repeats").is_some_and(|first| *first <= at);
        if !is_kept && !is_counted {
            self.take(event);
        }
    }

    fn take(&mut self, event: Value) {
        self.events.insert((number(&event), at(&event)), event);
        if self.events.len() > self.limit.saturating_add(SLACK) {
            self.events.pop_first();
            self.left_off += 1;
        }
    }

    /// The newest events in their order, and how many older ones were left off.
    #[must_use]
    pub fn finish(self) -> (Vec<Value>, u64) {
        let mut events: Vec<Value> = Vec::with_capacity(self.events.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for event in self.events.into_values() {
            let first = text(&event, "interlock.repeats").and_then(|first| places.get(first).copied());
            let first = first.and_then(|place| events.get_mut(place)).filter(|first| at(first) <= at(&event));
            if let Some(known) = first {
                add(known, &event);
                continue;
            }
            if let Some(id) = text(&event, "event.id") {
                places.insert(id.to_owned(), events.len());
            }
            events.push(event);
        }
        let beyond = events.len().saturating_sub(self.limit);
        events.drain(..beyond);
        (events, self.left_off + beyond as u64)
    }
}

/// Counts what `repeats` tells into the event that it repeats.
fn add(event: &mut Value, repeats: &Value) {
    let count = |event: &Value| event.get("interlock.count").and_then(Value::as_u64);
    let both = count(event).unwrap_or(1).saturating_add(count(repeats).unwrap_or(1));
    let start = event.get("event.start").or_else(|| event.get("@timestamp")).cloned();
    event["interlock.count"] = both.into();
    event["event.start"] = start.unwrap_or_default();
    event["event.end"] = repeats.get("event.end").cloned().unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> Value {
        json!({ "@timestamp": format!("2026-11-20T10:00:{number:02}Z"), "event.id": format!("e{number}") })
    }

    fn repeat(number: u64, first: u64, count: u64) -> Value {
        let mut event = event(number);
        event["interlock.repeats"] = format!("e{first}").into();
        event["interlock.count"] = count.into();
        event["event.end"] = event["@timestamp"].clone();
        event
    }

    fn numbers(events: &[Value]) -> Vec<u64> {
        events.iter().map(number).collect()
    }

    #[test]
    fn what_stands_in_two_places_is_told_once_and_in_order() {
        let mut collector = Collector::new(None);
        [4, 3].into_iter().for_each(|number| collector.take_kept(event(number)));
        [3, 1, 2, 4].into_iter().for_each(|number| collector.take_written(event(number)));
        let (events, left_off) = collector.finish();
        assert_eq!((numbers(&events), left_off), (vec![1, 2, 3, 4], 0));
    }

    #[test]
    fn another_event_of_the_same_number_is_another_event() {
        let mut collector = Collector::new(None);
        collector.take_kept(event(3));
        let mut older = event(3);
        older["@timestamp"] = "2026-11-01T10:00:00Z".into();
        let mut repeats = repeat(4, 3, 2);
        repeats["@timestamp"] = "2026-11-01T10:00:01Z".into();
        [older, event(3), repeats].into_iter().for_each(|event| collector.take_written(event));
        let (events, _) = collector.finish();
        assert_eq!(numbers(&events), [3, 3, 4], "{events:#?}");
    }

    #[test]
    fn repeats_are_counted_into_their_first_wherever_that_stands() {
        let mut collector = Collector::new(None);
        let mut kept = event(1);
        kept["interlock.count"] = 5.into();
        collector.take_kept(kept);
        collector.take_written(repeat(3, 1, 4)); // the memory has counted it
        collector.take_written(event(2));
        collector.take_written(repeat(4, 2, 6));
        collector.take_written(repeat(6, 5, 9)); // its first is not asked for
        let (events, _) = collector.finish();
        let counts: Vec<_> = events.iter().map(|event| event["interlock.count"].as_u64()).collect();
        assert_eq!((numbers(&events), counts), (vec![1, 2, 6], vec![Some(5), Some(7), Some(9)]));
        assert_eq!(events[1]["event.start"], event(2)["@timestamp"]);
        assert_eq!(events[1]["event.end"], event(4)["@timestamp"]);
    }

    #[test]
    fn beyond_the_limit_the_newest_stay_and_the_others_are_counted() {
        let mut collector = Collector::new(Some(2));
        let all = 10 + SLACK as u64;
        (1..=all).for_each(|number| collector.take_written(json!({ "event.id": format!("e{number}") })));
        let (events, left_off) = collector.finish();
        assert_eq!((numbers(&events), left_off), (vec![all - 1, all], all - 2));
    }

    #[test]
    fn what_is_missing_is_said_and_survives_the_way() {
        let notes = Notes { unreadable: 2, not_read: vec!["why".into()], ..Notes::default() };
        assert_eq!(Notes::of_line(&notes.line().unwrap()), Some(notes.clone()));
        assert_eq!(notes.sentences(), ["2 lines of the files are no events", "why"]);
        assert!(Notes::default().missing() == 0 && Notes::default().line().is_none());
    }
}
