//! What machines read, as committed in `docs/schema`, is what the types say. `INTERLOCK_WRITE_SCHEMAS=1` writes it anew.

use std::{collections::BTreeMap, fs, path::PathBuf};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{
    about::Version,
    ledger::{CheckpointView, Verified},
    report::Summary,
};
use crate::{
    control::{
        api::{HoldView, SessionView, Status},
        openapi,
    },
    ledger::chain::Link,
};
use interlock_core::{event_fields::own, explanation::Explanation, health::Check, problem::Problems};

/// Every document by its name.
fn documents() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("doctor", of::<Vec<Check>>()),
        ("event", own::schema()),
        ("explain", of::<Explanation>()),
        ("holds", of::<Vec<HoldView>>()),
        ("ledger-checkpoint", of::<CheckpointView>()),
        ("ledger-show", of::<Link>()),
        ("ledger-verify", of::<Verified>()),
        ("openapi", openapi::document()),
        ("problems", problems()),
        ("ps", of::<Vec<SessionView>>()),
        ("report", of::<Summary>()),
        ("status", of::<Status>()),
        ("version", of::<Version>()),
    ])
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// Of a verb that refuses what it was given.
fn problems() -> Value {
    let mut schema = of::<Problems>();
    let items = schema["items"].take();
    let defs = schema["$defs"].take();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Refused",
        "type": "object",
        "required": ["problems"],
        "properties": { "problems": { "type": "array", "items": items } },
        "$defs": defs,
    })
}

#[test]
fn committed_schemas_are_what_the_types_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let write = std::env::var_os("INTERLOCK_WRITE_SCHEMAS").is_some();
    let mut stale = Vec::new();
    for (name, document) in documents() {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if write {
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(path);
        }
        if name != "openapi" {
            jsonschema::validator_for(&document).unwrap();
        }
    }
    assert!(stale.is_empty(), "INTERLOCK_WRITE_SCHEMAS=1 cargo test -p interlock schemas writes {stale:?}");
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), documents().len(), "no schema of something that is no more: {names:?}");
}
