//! Events as they are written: their vocabulary, and the fields that more than their writer reads.

pub mod ecs;
mod older;
pub mod own;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use older::{masked, modern};

/// A field that is text.
pub fn text<'e>(event: &'e Value, field: &str) -> Option<&'e str> {
    event.get(field)?.as_str()
}

/// The texts of a field that is a list; none where it is no list.
pub fn texts<'e>(event: &'e Value, field: &str) -> impl Iterator<Item = &'e str> + use<'e> {
    event.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// `HOST:PORT` of its destination, by name where it has one; `None` where either is missing.
#[must_use]
pub fn host_and_port(event: &Value) -> Option<String> {
    let host = text(event, "destination.domain").or_else(|| text(event, "destination.ip"))?;
    let port = event.get("destination.port")?.as_u64()?;
    Some(format!("{host}:{port}"))
}

/// When it happened.
pub fn at(event: &Value) -> Option<Timestamp> {
    text(event, "@timestamp")?.parse().ok()
}

/// The number in an event's id, `e17`; 0 where it has none.
pub fn number(event: &Value) -> u64 {
    let id = text(event, "event.id").unwrap_or_default();
    id.trim_start_matches('e').parse().unwrap_or(0)
}

/// How many facts an event stands for, and from when to when; `None` where it stands for one.
#[must_use]
pub fn count(event: &Map<String, Value>) -> Option<(u64, Timestamp, Timestamp)> {
    let time = |field: &str| event.get(field)?.as_str()?.parse().ok();
    let count = event.get("interlock.count")?.as_u64().filter(|count| *count > 0)?;
    Some((count, time("event.start")?, time("event.end")?))
}
