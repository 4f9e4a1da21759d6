//! What the binary prints as JSON is what `docs/schema` says, wherever a test reads it.

use std::{collections::HashMap, sync::OnceLock};

use jsonschema::Validator;
use serde_json::Value;

/// Schemas by verb, those of two words first; all but the event's are of a verb's whole output. They are built in: a guest has no
/// checkout.
const SCHEMAS: [(&str, &str); 16] = [
    ("factor list", include_str!("../../docs/schema/factors.json")),
    ("notifier status", include_str!("../../docs/schema/notifier.json")),
    ("rules check", include_str!("../../docs/schema/rules-check.json")),
    ("rules list", include_str!("../../docs/schema/rules-list.json")),
    ("rules packs", include_str!("../../docs/schema/rules-packs.json")),
    ("rules test", include_str!("../../docs/schema/rules-test.json")),
    ("doctor", include_str!("../../docs/schema/doctor.json")),
    ("drill", include_str!("../../docs/schema/drill.json")),
    (EVENTS, include_str!("../../docs/schema/event.json")),
    ("explain", include_str!("../../docs/schema/explain.json")),
    ("grants", include_str!("../../docs/schema/grants.json")),
    ("holds", include_str!("../../docs/schema/holds.json")),
    ("ps", include_str!("../../docs/schema/ps.json")),
    ("replay", include_str!("../../docs/schema/replay.json")),
    ("status", include_str!("../../docs/schema/status.json")),
    ("suggest", include_str!("../../docs/schema/suggest.json")),
];

/// Prints one event a line.
const EVENTS: &str = "events";

struct Schema {
    document: Value,
    validator: Validator,
}

/// Holds what `interlock ARGS --output json` printed against its schema; verbs without one pass.
///
/// # Panics
/// It differs, with every difference.
pub fn check(args: &[&str], printed: &Value) {
    match verb(args) {
        Some(EVENTS) => printed.as_array().into_iter().flatten().for_each(check_event),
        // What a verb refuses has the schema of problems.
        Some(verb) if printed.get("problems").is_none() => valid(verb, printed),
        _ => {}
    }
}

/// The verb among the arguments, options of the program's own before it or not.
fn verb(args: &[&str]) -> Option<&'static str> {
    let stands = |verb: &str| {
        let words: Vec<&str> = verb.split(' ').collect();
        args.windows(words.len()).any(|some| some == words)
    };
    SCHEMAS.iter().map(|(verb, _)| *verb).find(|verb| stands(verb))
}

/// Also that every field of the event is one that the schema names: a reader may meet others, this version's binary prints none.
fn check_event(event: &Value) {
    if event.get("event.action").is_none() || event.get("host.name").is_none() {
        return; // a remark of the stream, or an event that a test put into a file as of an older daemon
    }
    valid(EVENTS, event);
    let known = &schemas()[EVENTS].document["properties"];
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
    assert!(faults.is_empty(), "docs/schema, {name}: {faults:#?} in {printed:#}");
}

fn schemas() -> &'static HashMap<&'static str, Schema> {
    static PARSED: OnceLock<HashMap<&str, Schema>> = OnceLock::new();
    PARSED.get_or_init(|| SCHEMAS.into_iter().map(|(name, text)| (name, schema(name, text))).collect())
}

fn schema(name: &str, text: &str) -> Schema {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let validator = jsonschema::validator_for(&document).unwrap_or_else(|error| panic!("{name}: {error}"));
    Schema { document, validator }
}
