//! The JSON schema of a rules file, for editors.

use serde_json::{Map, Value, json};

use super::{
    grammar::{self, Field, Shape},
    packs::choice::{OFF, ON},
};

/// A duration as `parse` reads it; its bounds are the parser's to check.
const DURATION: &str = "^[0-9]+(ms|s|m|h)$";

/// The schema of a rules file, as it is committed in `rules/schema.json`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Interlock rules",
        "description": "One file of /etc/interlock/rules.d; the language is described in docs/rules.md.",
    });
    let anything = json!(grammar::PARTS.map(|part| json!({ "required": [part] })));
    if let (Some(schema), Value::Object(file)) = (schema.as_object_mut(), mapping(grammar::FILE)) {
        schema.extend(file);
        schema.insert("anyOf".to_owned(), anything);
        schema.insert("$defs".to_owned(), json!({ "match": mapping(grammar::MATCH) }));
    }
    schema
}

/// A mapping with these fields and no others.
pub(crate) fn mapping(fields: &[Field]) -> Value {
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let mut mapping = json!({ "type": "object", "additionalProperties": false, "minProperties": 1 });
    if let Some(object) = mapping.as_object_mut() {
        object.insert("properties".to_owned(), properties.into());
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
    }
    mapping
}

fn property(field: &Field) -> Value {
    let mut value = json!({ "description": field.about });
    if let (Some(property), Value::Object(shape)) = (value.as_object_mut(), shape(&field.shape)) {
        property.extend(shape);
    }
    value
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Text => json!({ "type": "string", "pattern": r"\S" }),
        Shape::Form(form) => json!({ "type": "string", "pattern": form }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Number(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::Duration => json!({ "type": "string", "pattern": DURATION }),
        Shape::Words(words) => json!({ "enum": words() }),
        Shape::Many(one) => {
            let one = either([shape(one), json!({ "type": "string", "pattern": r"^\$[a-z0-9-]{1,64}$" })]);
            either([one.clone(), json!({ "type": "array", "minItems": 1, "items": one })])
        }
        Shape::Map(fields) => mapping(fields),
        Shape::Match => json!({ "$ref": "#/$defs/match" }),
        Shape::List(one) => json!({ "type": "array", "minItems": 1, "items": shape(one) }),
        Shape::Any(fields) => either([json!({ "const": "any" }), mapping(fields)]),
        Shape::Either(shapes) => either(shapes.iter().map(shape)),
        Shape::Packs => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": grammar::NAME },
            "additionalProperties": { "enum": [ON, OFF, true, false] },
        }),
        Shape::Lists => json!({
            "type": "object",
            "propertyNames": { "pattern": grammar::NAME },
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "items": { "type": ["string", "integer"] },
            },
        }),
    }
}

fn either(shapes: impl IntoIterator<Item = Value>) -> Value {
    json!({ "anyOf": shapes.into_iter().collect::<Vec<_>>() })
}
