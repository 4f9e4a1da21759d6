//! Events of older daemons, in today's words: readers know one vocabulary.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::ecs;
use crate::{facts::Severity, mask, words::Word as _};

/// Brings an event that an older daemon wrote into today's vocabulary; one of today stays as it is, and so does what is no event.
///
/// Older ones have own fields beside those of ECS, a word as severity, and credentials in their command lines.
#[must_use]
pub fn modern(event: Map<String, Value>) -> Map<String, Value> {
    if event.contains_key("ecs.version") || !event.contains_key("event.action") {
        return event;
    }
    let mut modern = Map::with_capacity(event.len());
    for (field, value) in event {
        if field == "event.severity"
            && let Some(severity) = value.as_str().and_then(Severity::from_word)
        {
            modern.insert(field, ecs::severity(severity).into());
            modern.insert("interlock.severity".to_owned(), value);
            continue;
        }
        let field = if field == "event.count" { "count".to_owned() } else { field };
        let name = match ecs::name(&field) {
            Cow::Borrowed(_) => field,
            Cow::Owned(name) => name,
        };
        modern.insert(name, value);
    }
    masked(&mut modern);
    modern
}

/// Masks what may hold a credential. A second time changes nothing.
pub fn masked(event: &mut Map<String, Value>) {
    if let Some(Value::Array(args)) = event.get_mut("process.args") {
        let texts: Vec<&str> = args.iter().map(|arg| arg.as_str().unwrap_or_default()).collect();
        *args = mask::arguments(&texts).into_iter().map(Value::String).collect();
    }
    if let Some(line) = event.get_mut("interlock.session.command") {
        *line = json!(mask::text(line.as_str().unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_older_daemons_event_is_read_as_if_it_were_of_today() {
        let old = object(json!({
            "@timestamp": "2026-11-01T00:00:00Z", "event.id": "e1", "event.kind": "alert", "event.action": "flow-held",
            "event.severity": "high", "event.count": 3, "session.id": "1-0", "user.id": "1000", "hold.id": "h1",
            "process.args": ["curl", "-u", "ann:hunter2"], "session.command": "x --token abc", "destination.class": "infra",
        }));
        let new = modern(old);
        assert_eq!(
            Value::Object(new.clone()),
            json!({
                "@timestamp": "2026-11-01T00:00:00Z", "event.id": "e1", "event.kind": "alert", "event.action": "flow-held",
                "event.severity": 73, "interlock.severity": "high", "interlock.count": 3, "interlock.session.id": "1-0",
                "user.id": "1000", "interlock.hold.id": "h1", "process.args": ["curl", "-u", "ann:…"],
                "interlock.session.command": "x --token …", "interlock.destination.class": "infra",
            })
        );
        assert_eq!(modern(new.clone()), new, "twice changes nothing");
    }

    #[test]
    fn what_is_no_event_stays() {
        let line = object(json!({ "interlock.record": 1, "session.id": "x" }));
        assert_eq!(modern(line.clone()), line);
    }
}
