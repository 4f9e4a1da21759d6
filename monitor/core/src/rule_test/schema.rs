//! The JSON schema of a file of cases, for editors.

use serde_json::{Value, json};

use super::grammar::{EVENT, FILE, KINDS};
use crate::rules::schema::mapping;

/// The schema of a file of cases, as it is committed in `rules/cases.schema.json`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Interlock rule tests",
        "description": "One file for `interlock rules test`; the format is described in docs/rules.md.",
    });
    if let (Some(schema), Value::Object(file)) = (schema.as_object_mut(), mapping(FILE)) {
        schema.extend(file);
    }
    let events = "/properties/cases/items/properties/events/items";
    if let Some(Value::Object(event)) = schema.pointer_mut(events) {
        let one = KINDS.map(|kind| json!({ "required": [kind] }));
        event.insert("oneOf".to_owned(), json!(one));
    }
    debug_assert_eq!(EVENT.iter().filter(|field| KINDS.contains(&field.name)).count(), KINDS.len());
    schema
}
