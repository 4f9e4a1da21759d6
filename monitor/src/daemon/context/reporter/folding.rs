//! Repeats: the same thing again and again is reported once, and then how often.
//!
//! Two events are the same where they say the same in all but their time, their number and the number of the process (and
//! its parent): the same session, action, verdict, program, arguments and object. The first is reported at once. What is the
//! same within [`WINDOW`] is counted, and reported when the window is over by one event with `interlock.count`, `event.start` and
//! `event.end`, and the first's id as `interlock.repeats`. So the counts of all lines add up to what happened.

use std::{collections::HashMap, time::Duration};

use serde_json::{Map, Value};

use interlock_core::facts::BootNanos;

/// For how long what is the same is counted, from the first.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Windows that are open at a time; beyond, every event is reported by itself.
const WINDOWS: usize = 4096;
/// Events that a program can cause as often as it likes. A hold and what became of it are each reported.
const FOLDED: [&str; 16] = [
    "secret-read",
    "secret-probe",
    "secret-link",
    "environment-read",
    "inspect",
    "connect",
    "exec",
    "delegate",
    "flow-passed",
    "flow-denied",
    "connect-refused",
    "syscall-denied",
    "would-refuse",
    "socket-refused",
    "socket-odd",
    "mount",
];
/// What may differ between two events that are the same.
const APART: [&str; 5] = ["@timestamp", "event.id", "process.pid", "process.entity_id", "process.parent.pid"];

/// The windows that are open.
#[derive(Debug, Default)]
pub struct Folding {
    windows: HashMap<blake3::Hash, Repeats>,
}

impl Folding {
    /// Counts an event that is the same as an earlier one, and gives what is counted so far; `None` for one that is to be
    /// told.
    pub fn take(&mut self, event: &Value, now: BootNanos) -> Option<&Repeats> {
        let fields = event.as_object()?;
        let key = key(fields)?;
        let time = fields.get("@timestamp").cloned().unwrap_or_default();
        if self.windows.contains_key(&key) {
            let repeats = self.windows.get_mut(&key)?;
            if repeats.more == 0 {
                repeats.start = time.clone();
            }
            repeats.more += 1;
            repeats.end = time;
            return Some(repeats);
        }
        if self.windows.len() < WINDOWS {
            let (first, end) = (fields.clone(), time.clone());
            self.windows.insert(key, Repeats { first, opened: now, more: 0, start: time, end });
        }
        None
    }

    /// Closes the windows that are over by `now`, in the order in which they were opened.
    pub fn due(&mut self, now: BootNanos) -> Vec<Repeats> {
        self.close(|repeats| repeats.opened.plus(WINDOW) <= now)
    }

    /// Closes the windows of one session, or all.
    pub fn close_of(&mut self, session: Option<&str>) -> Vec<Repeats> {
        self.close(|repeats| {
            session.is_none_or(|session| {
                repeats.first.get("interlock.session.id").is_some_and(|id| id == session)
            })
        })
    }

    fn close(&mut self, over: impl Fn(&Repeats) -> bool) -> Vec<Repeats> {
        let mut closed: Vec<_> =
            self.windows.extract_if(|_, repeats| over(repeats)).map(|(_, repeats)| repeats).collect();
        closed.retain(|repeats| repeats.more > 0);
        closed.sort_by_key(|repeats| repeats.opened);
        closed
    }
}

/// What is counted of one event.
#[derive(Debug)]
pub struct Repeats {
    first: Map<String, Value>,
    opened: BootNanos,
    /// How often after the first.
    pub more: u64,
    start: Value,
    end: Value,
}

impl Repeats {
    /// Id of the event that was reported.
    #[must_use]
    pub fn first_id(&self) -> &str {
        self.first.get("event.id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The one event that reports those after the first.
    #[must_use]
    pub fn event(&self, number: u64) -> Map<String, Value> {
        let mut fields = self.first.clone();
        let first = self.first_id().to_owned();
        for (field, value) in [
            ("@timestamp", self.end.clone()),
            ("event.id", format!("e{number}").into()),
            ("interlock.count", self.more.into()),
            ("event.start", self.start.clone()),
            ("event.end", self.end.clone()),
            ("interlock.repeats", first.into()),
        ] {
            fields.insert(field.to_owned(), value);
        }
        fields
    }

    /// The first event as the history shows it: with all that was counted.
    #[must_use]
    pub fn merged(&self) -> Value {
        let mut fields = self.first.clone();
        let start = fields.get("@timestamp").cloned().unwrap_or_default();
        for (field, value) in [
            ("interlock.count", (self.more + 1).into()),
            ("event.start", start),
            ("event.end", self.end.clone()),
        ] {
            fields.insert(field.to_owned(), value);
        }
        Value::Object(fields)
    }
}

/// What an event says besides when and by which process; `None` for one that is reported each time.
fn key(fields: &Map<String, Value>) -> Option<blake3::Hash> {
    let action = fields.get("event.action")?.as_str()?;
    if !FOLDED.contains(&action) || fields.contains_key("interlock.hold.id") {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    for (field, value) in fields.iter().filter(|(field, _)| !APART.contains(&field.as_str())) {
        // JSON says where one ends and the next begins.
        serde_json::to_writer(&mut hasher, &(field, value)).ok()?;
    }
    Some(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use interlock_core::event_fields::count;

    fn read(number: u64, pid: u32, more: &Value) -> Value {
        let mut event = json!({ "@timestamp": format!("2026-11-21T12:00:{number:02}Z"), "event.id": format!("e{number}"),
            "event.action": "secret-read", "event.kind": "alert", "interlock.session.id": "1-0", "process.pid": pid,
            "process.args": ["cat", "x"], "file.path": "/x" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    fn at(seconds: u64) -> BootNanos {
        BootNanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_first_is_told_and_the_others_are_counted_with_their_times() {
        let mut folding = Folding::default();
        assert!(folding.take(&read(1, 7, &json!({})), at(1)).is_none());
        assert_eq!(folding.take(&read(2, 8, &json!({})), at(2)).unwrap().more, 1);
        let repeats = folding.take(&read(5, 9, &json!({})), at(5)).unwrap();
        assert_eq!((repeats.more, repeats.first_id()), (2, "e1"));
        let merged = repeats.merged();
        assert_eq!((&merged["interlock.count"], &merged["event.id"]), (&3.into(), &"e1".into()));
        assert_eq!(
            (&merged["event.start"], &merged["event.end"]),
            (&merged["@timestamp"], &"2026-11-21T12:00:05Z".into())
        );

        assert!(folding.due(at(60)).is_empty());
        let event = folding.due(at(61)).remove(0).event(17);
        let expected = json!({ "interlock.count": 2, "event.id": "e17", "interlock.repeats": "e1", "process.pid": 7,
            "event.start": "2026-11-21T12:00:02Z", "event.end": "2026-11-21T12:00:05Z", "event.kind": "alert" });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&event[field], value, "{field}");
        }
        assert_eq!(count(&event).unwrap().0, 2);
        assert!(folding.take(&read(9, 7, &json!({})), at(62)).is_none(), "a window is over once");
    }

    #[test]
    fn what_says_anything_else_is_another_event() {
        let mut folding = Folding::default();
        assert!(folding.take(&read(1, 7, &json!({})), at(1)).is_none());
        for other in [
            json!({ "file.path": "/y" }),
            json!({ "process.args": ["cat", "y"] }),
            json!({ "interlock.session.id": "2-0" }),
            json!({ "rule.id": ["a"] }),
            json!({ "event.kind": "event" }),
            json!({ "event.action": "secret-probe" }),
        ] {
            assert!(folding.take(&read(2, 7, &other), at(2)).is_none(), "{other}");
        }
        assert_eq!(folding.windows.len(), 7);
    }

    #[test]
    fn holds_and_turns_of_a_session_are_told_each_time() {
        let mut folding = Folding::default();
        for one in [
            json!({ "interlock.hold.id": "h1" }),
            json!({ "event.action": "session-frozen" }),
            json!({ "event.action": "flow-held" }),
        ] {
            for _ in 0..2 {
                assert!(folding.take(&read(1, 7, &one), at(1)).is_none(), "{one}");
            }
        }
    }

    #[test]
    fn a_session_that_ends_closes_its_windows_and_a_window_of_one_is_not_told() {
        let mut folding = Folding::default();
        for session in ["1-0", "2-0"] {
            for number in 1..3 {
                let _ = folding.take(&read(number, 7, &json!({ "interlock.session.id": session })), at(1));
            }
        }
        let _ = folding.take(&read(1, 7, &json!({ "file.path": "/once" })), at(1));
        let closed = folding.close_of(Some("1-0"));
        assert_eq!(closed.iter().map(|repeats| repeats.more).collect::<Vec<_>>(), [1]);
        assert_eq!(folding.close_of(None).len(), 1);
        assert!(folding.windows.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut folding = Folding::default();
        for number in 0..WINDOWS + 10 {
            let _ = folding.take(&read(1, 7, &json!({ "file.path": format!("/{number}") })), at(1));
        }
        assert_eq!(folding.windows.len(), WINDOWS);
    }
}
