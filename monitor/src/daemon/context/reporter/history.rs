//! Events kept for whoever asks later. Each weight has room of its own, so that thousands of connections do not push out
//! the one alert; and inside of it the session that has most makes room, so that none pushes out the others'.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::alerts::Weight;
use interlock_core::event_fields::number;

/// Sessions of which it is remembered how many events made room.
const FORGETFUL: usize = 1024;

#[derive(Debug, Default)]
pub struct History {
    shelves: BTreeMap<Weight, Shelf>,
    /// Events that made room, by their session; `""` for those of none.
    forgotten: BTreeMap<String, Forgotten>,
}

impl History {
    pub fn keep(&mut self, event: Arc<Value>) {
        let weight = Weight::of(&event);
        let shelf = self.shelves.entry(weight).or_default();
        if shelf.count >= room(weight)
            && let Some((session, user)) = shelf.make_room()
        {
            if self.forgotten.len() >= FORGETFUL && !self.forgotten.contains_key(&session) {
                self.forgotten.pop_first(); // the oldest pid, nearly always of a session that is over
            }
            let forgotten = self.forgotten.entry(session).or_default();
            forgotten.count += 1;
            forgotten.user = user.filter(Value::is_string).or(forgotten.user.take());
        }
        let events = shelf.by_session.entry(session(&event).to_owned()).or_default();
        // Nearly always the last place: an event is numbered when it is begun, and another may be published meanwhile.
        let place = events.partition_point(|kept| number(kept) <= number(&event));
        events.insert(place, event);
        shelf.count += 1;
    }

    /// Puts what has become of an event in its place, as long as it is kept. Found by its number, as this happens with every
    /// repeat.
    pub fn replace(&mut self, event: Value) {
        let shelf = self.shelves.get_mut(&Weight::of(&event));
        let Some(events) = shelf.and_then(|shelf| shelf.by_session.get_mut(session(&event))) else { return };
        if let Ok(place) = events.binary_search_by_key(&number(&event), |kept| number(kept))
            && let Some(kept) = events.get_mut(place)
        {
            *kept = Arc::new(event);
        }
    }

    /// The event of that id, if it is still kept.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Value>> {
        self.events().find(|event| is(event, id)).cloned()
    }

    /// All of them in the order in which they were published. A session of which some made room comes first with the line
    /// `{"interlock.forgotten": n, "interlock.session.id": …}`.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Value>> {
        let forgotten = self.forgotten.iter().map(|(session, Forgotten { count, user })| {
            let mut line = json!({ "interlock.forgotten": count });
            if !session.is_empty() {
                line["interlock.session.id"] = session.as_str().into();
            }
            if let Some(user) = user {
                line["user.id"] = user.clone();
            }
            Arc::new(line)
        });
        let mut events: Vec<_> = self.events().cloned().collect();
        events.sort_by_key(|event| number(event));
        forgotten.chain(events).collect()
    }

    fn events(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.shelves.values().flat_map(|shelf| shelf.by_session.values()).flatten()
    }
}

/// How many events of a session made room, and whose it is: who may see them is told of them.
#[derive(Debug, Default)]
struct Forgotten {
    count: u64,
    user: Option<Value>,
}

/// Events of one weight, by their session, oldest first.
#[derive(Debug, Default)]
struct Shelf {
    by_session: BTreeMap<String, VecDeque<Arc<Value>>>,
    count: usize,
}

impl Shelf {
    /// Lets the oldest event go of the session that has most here, and gives the session and its user.
    fn make_room(&mut self) -> Option<(String, Option<Value>)> {
        let most = self.by_session.iter().max_by_key(|(_, events)| events.len())?.0.clone();
        let events = self.by_session.get_mut(&most)?;
        let oldest = events.pop_front()?;
        if events.is_empty() {
            self.by_session.remove(&most);
        }
        self.count -= 1;
        Some((most, oldest.get("user.id").cloned()))
    }
}

/// Events of one weight that are kept.
fn room(weight: Weight) -> usize {
    match weight {
        Weight::Lifecycle => 512,
        Weight::Alert | Weight::Decision | Weight::Observation | Weight::Connection => 1024,
    }
}

fn session(event: &Value) -> &str {
    event.get("interlock.session.id").and_then(Value::as_str).unwrap_or_default()
}

fn is(event: &Value, id: &str) -> bool {
    event.get("event.id").is_some_and(|known| known == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, session: &str, action: &str, kind: &str) -> Arc<Value> {
        Arc::new(
            json!({ "event.id": format!("e{number}"), "interlock.session.id": session, "event.action": action,
            "event.kind": kind }),
        )
    }

    fn connect(number: u64, session: &str) -> Arc<Value> {
        event(number, session, "connect", "event")
    }

    fn numbers(history: &History) -> Vec<u64> {
        history.all().iter().map(|event| number(event)).filter(|number| *number > 0).collect()
    }

    #[test]
    fn connections_push_out_connections_alone() {
        let mut history = History::default();
        history.keep(event(1, "1-0", "session-started", "event"));
        history.keep(event(2, "1-0", "secret-read", "alert"));
        history.keep(event(3, "1-0", "flow-released", "event"));
        history.keep(event(4, "1-0", "secret-read", "event"));
        (5..5005).for_each(|number| history.keep(connect(number, "1-0")));
        let kept = numbers(&history);
        assert_eq!(kept[..4], [1, 2, 3, 4]);
        assert_eq!((kept.len(), kept[4], kept.last()), (4 + 1024, 5005 - 1024, Some(&5004)));
        assert!(kept.is_sorted());
        assert_eq!(
            *history.all()[0],
            json!({ "interlock.forgotten": 5000 - 1024, "interlock.session.id": "1-0" })
        );
    }

    #[test]
    fn the_session_that_has_most_makes_room() {
        let mut history = History::default();
        history.keep(connect(1, "1-0"));
        (2..3000).for_each(|number| history.keep(connect(number, "2-0")));
        assert_eq!(numbers(&history)[0], 1);
        let forgotten: Vec<_> = history.forgotten.keys().collect();
        assert_eq!(forgotten, ["2-0"]);
    }

    #[test]
    fn an_event_is_found_by_its_id_and_can_be_replaced() {
        let mut history = History::default();
        history.keep(connect(1, "1-0"));
        history.keep(event(2, "", "tamper", "alert"));
        let again = |number| {
            let mut event = (*connect(number, "1-0")).clone();
            event["interlock.count"] = 3.into();
            event
        };
        history.replace(again(1));
        history.replace(again(3));
        assert_eq!(history.find("e1").unwrap()["interlock.count"], 3);
        assert_eq!(history.find("e2").unwrap()["event.action"], "tamper");
        assert_eq!(history.find("e3"), None);
        assert_eq!(numbers(&history), [1, 2]);
    }
}
