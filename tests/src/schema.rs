//! What the binary prints as JSON is what `docs/schema` says, wherever a test reads it.

use std::{collections::HashMap, fs, sync::OnceLock};

use jsonschema::Validator;
use serde_json::Value;

/// Verbs whose whole output has a schema of their name.
const VERBS: [&str; 5] = ["doctor", "explain", "holds", "ps", "status"];

struct Schema {
    document: Value,
    validator: Validator,
}

/// Holds what `interlock ARGS --output json` printed against its schema; verbs without one pass.
///
/// # Panics
/// It differs, with every difference.
pub fn check(args: &[&str], printed: &Value) {
    match args.first() {
        Some(&"events") => printed.as_array().into_iter().flatten().for_each(check_event),
        Some(verb) if VERBS.contains(verb) && printed.get("problems").is_none() => valid(verb, printed),
        _ => {}
    }
}

/// Also that every field of the event is one that the schema names: a reader may meet others, this version's binary prints none.
fn check_event(event: &Value) {
    if event.get("event.action").is_none() || event.get("host.name").is_none() {
        return; // a remark of the stream, or an event that a test put into a file as of an older daemon
    }
    valid("event", event);
    let known = &schemas()["event"].document["properties"];
    let unknown: Vec<&String> = event
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
        .filter(|field| known.get(field).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} are in no schema (core's event_fields/own.rs): {event:#}");
}

fn valid(name: &str, printed: &Value) {
    let faults: Vec<String> = schemas()[name]
        .validator
        .iter_errors(printed)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "docs/schema/{name}.json: {faults:#?} in {printed:#}");
}

fn schemas() -> &'static HashMap<String, Schema> {
    static SCHEMAS: OnceLock<HashMap<String, Schema>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        VERBS.into_iter().chain(["event"]).map(|name| (name.to_owned(), schema(name))).collect()
    })
}

fn schema(name: &str) -> Schema {
    let path = format!("{}/../docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let validator = jsonschema::validator_for(&document).unwrap_or_else(|error| panic!("{path}: {error}"));
    Schema { document, validator }
}
