//! Server-sent events, as the protocols have them.

use serde_json::Value;

/// `data: {…}` without a name.
pub fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event whose name is its `type`.
pub fn named(value: &Value) -> String {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {value}\n\n")
}
