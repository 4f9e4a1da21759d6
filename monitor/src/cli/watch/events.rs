//! The events on the screen, and which of them are shown.

use std::collections::{HashSet, VecDeque};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{archive::is_of_session, cli::events::line::words};
use interlock_core::event_fields::{text, texts};

/// Events that are kept to be looked at.
const KEPT: usize = 5000;

/// The events, the words that narrow them, and which one is chosen.
#[derive(Debug, Default)]
pub struct Events {
    kept: VecDeque<Value>,
    /// Ids and times of the kept events: a stream that begins anew tells them again.
    known: HashSet<String>,
    pub filter: String,
    /// `None`: the newest, whichever that is.
    pub chosen: Option<String>,
}

impl Events {
    /// Returns whether the event is new.
    pub fn take(&mut self, event: Value) -> bool {
        if named(&event).is_some_and(|name| !self.known.insert(name)) {
            return false;
        }
        self.kept.push_back(event);
        if self.kept.len() > KEPT
            && let Some(oldest) = self.kept.pop_front()
            && let Some(name) = named(&oldest)
        {
            self.known.remove(&name);
        }
        true
    }

    /// A remark among the events.
    pub fn remark(&mut self, text: &str) {
        self.take(json!({ "event.action": "note", "message": text }));
    }

    /// Those that every word of the filter fits, oldest first.
    pub fn shown(&self, zone: &TimeZone) -> Vec<&Value> {
        let wanted: Vec<&str> = self.filter.split_whitespace().collect();
        self.kept.iter().filter(|event| wanted.iter().all(|word| fits(event, word, zone))).collect()
    }

    /// The place of the chosen one among those that are shown; where there is none, the last.
    pub fn place(&self, shown: &[&Value]) -> usize {
        let chosen = self.chosen.as_deref();
        let place = chosen.and_then(|chosen| shown.iter().rposition(|event| id(event) == Some(chosen)));
        place.unwrap_or(shown.len().saturating_sub(1))
    }

    /// Chooses the one that stands `by` lines further on; the last one is followed.
    pub fn go(&mut self, by: isize, zone: &TimeZone) {
        let shown = self.shown(zone);
        let place = self.place(&shown).saturating_add_signed(by);
        let event = shown.get(place).filter(|_| place + 1 < shown.len());
        self.chosen = event.and_then(|event| id(event)).map(str::to_owned);
    }

    /// The id of the chosen one.
    pub fn chosen_id(&self, zone: &TimeZone) -> Option<String> {
        let shown = self.shown(zone);
        shown.get(self.place(&shown)).and_then(|event| id(event)).map(str::to_owned)
    }
}

/// With its time: where a daemon's state was lost, another event may have the number.
fn named(event: &Value) -> Option<String> {
    Some(format!("{} {}", id(event)?, text(event, "@timestamp").unwrap_or_default()))
}

fn id(event: &Value) -> Option<&str> {
    text(event, "event.id")
}

/// `session=4711`, `kind=exec`, `rule=ID` and `alert` ask for a field, any other word for a piece of the line.
fn fits(event: &Value, word: &str, zone: &TimeZone) -> bool {
    match word.split_once('=') {
        Some(("session", session)) => is_of_session(event, session),
        Some(("kind", kind)) => text(event, "event.action") == Some(kind),
        Some(("rule", rule)) => texts(event, "rule.id").any(|id| id == rule),
        None if word == "alert" => text(event, "event.kind") == Some("alert"),
        _ => words(event, zone).to_lowercase().contains(&word.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Events {
        let mut events = Events::default();
        for number in 1..=4 {
            events.take(json!({ "event.id": format!("e{number}"), "event.action": if number % 2 == 0 { "exec" } else { "connect" },
                "interlock.session.id": format!("{number}-0"), "rule.id": ["r"], "process.args": ["cat", "X"] }));
        }
        events
    }

    #[test]
    fn every_word_of_the_filter_must_fit() {
        let mut events = filled();
        for (filter, count) in
            [("", 4), ("kind=exec", 2), ("cat x", 4), ("rule=r session=3", 1), ("alert", 0), ("a=b", 0)]
        {
            events.filter = filter.into();
            assert_eq!(events.shown(&TimeZone::UTC).len(), count, "{filter}");
        }
    }

    #[test]
    fn the_newest_is_followed_until_another_is_chosen() {
        let mut events = filled();
        let zone = TimeZone::UTC;
        events.go(-1, &zone);
        assert_eq!(events.chosen.as_deref(), Some("e3"));
        events.take(json!({ "event.id": "e5" }));
        assert_eq!(events.place(&events.shown(&zone)), 2, "it stays the chosen one");
        events.go(9, &zone);
        assert_eq!((events.chosen.clone(), events.chosen_id(&zone)), (None, Some("e5".into())));
        events.go(-99, &zone);
        assert_eq!(events.chosen.as_deref(), Some("e1"));
    }

    #[test]
    fn a_stream_that_begins_anew_tells_nothing_twice_and_the_oldest_make_room() {
        let mut events = filled();
        assert!(!events.take(json!({ "event.id": "e2" })));
        assert_eq!(events.kept.len(), 4);
        for number in 5..6000 {
            assert!(events.take(json!({ "event.id": format!("e{number}") })));
        }
        assert_eq!((events.kept.len(), events.known.len()), (KEPT, KEPT));
    }
}
