//! Rules with one condition less than they were written with.

use serde_json::{Map, Value, json};

/// A set of rules in which one thing is missing.
pub struct Mutant {
    /// What is missing: `secret-sweep: match.secret.foreign`.
    pub what: String,
    /// JSON, and so YAML.
    pub text: String,
}

/// Every set that lacks one rule, one condition, or one value of a condition's list.
pub fn mutants(text: &str) -> Vec<Mutant> {
    let file: Value = serde_saphyr::from_str(text).unwrap();
    let rules = file["rules"].as_array().unwrap();
    let mut mutants = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let id = rule["id"].as_str().unwrap();
        let mut add = |what: &str, rule: Option<Value>| {
            let mut changed = file.clone();
            let rules = changed["rules"].as_array_mut().unwrap();
            match rule {
                Some(rule) => rules[place] = rule,
                None => drop(rules.remove(place)),
            }
            mutants.push(Mutant { what: format!("{id}: {what}"), text: changed.to_string() });
        };
        add("the rule itself", None);
        for (what, lesser) in lesser_rules(rule) {
            add(&what, Some(lesser));
        }
    }
    mutants
}

fn lesser_rules(rule: &Value) -> Vec<(String, Value)> {
    let mut lesser = Vec::new();
    for part in ["match", "threshold", "except", "when", "after", "excuses"] {
        let Some(value) = rule.get(part) else { continue };
        if part != "match" {
            let mut rule = rule.clone();
            rule.as_object_mut().unwrap().remove(part);
            lesser.push((part.to_owned(), rule));
        }
        let parts = match part {
            "after" => lesser_sequences(value),
            "threshold" => {
                without_one(value, false).into_iter().filter(|(what, _)| what == ".distinct").collect()
            }
            _ => without_one(value, part == "match"),
        };
        let replaced = |(what, value): (String, Value)| {
            let mut rule = rule.clone();
            rule[part] = value;
            (format!("{part}{what}"), rule)
        };
        lesser.extend(parts.into_iter().map(replaced));
    }
    // Bounds cannot be left out; as wide as they may be they say as little.
    for (part, bound, widest) in [
        ("threshold", "within", json!("168h")),
        ("threshold", "count", json!(2)),
        ("after", "within", json!("168h")),
    ] {
        if rule.get(part).is_some() {
            let mut rule = rule.clone();
            rule[part][bound] = widest;
            lesser.push((format!("{part}.{bound}"), rule));
        }
    }
    lesser
}

/// Sequences with one step less, or with one condition of a step less.
fn lesser_sequences(after: &Value) -> Vec<(String, Value)> {
    let steps = after["steps"].as_array().unwrap();
    let with = |steps: Vec<Value>| {
        let mut after = after.clone();
        after["steps"] = steps.into();
        after
    };
    let mut lesser = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if steps.len() > 1 {
            let mut rest = steps.clone();
            rest.remove(place);
            lesser.push((format!(".steps[{place}]"), with(rest)));
        }
        for (what, conditions) in without_one(&step["match"], true) {
            let mut changed = steps.clone();
            changed[place]["match"] = conditions;
            lesser.push((format!(".steps[{place}].match{what}"), with(changed)));
        }
    }
    lesser
}

/// Every value that `value` is with one field, or one item of a list, less. An empty part of `match` becomes `any`.
fn without_one(value: &Value, is_match: bool) -> Vec<(String, Value)> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, field)| without_field(fields, name, field, is_match)).collect()
        }
        Value::Array(items) => (0..items.len())
            .filter(|_| items.len() > 1)
            .map(|place| {
                let mut items = items.clone();
                let gone = items.remove(place);
                (format!("[{gone}]"), Value::Array(items))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn without_field(
    fields: &Map<String, Value>,
    name: &str,
    field: &Value,
    is_match: bool,
) -> Vec<(String, Value)> {
    let mut rest = fields.clone();
    rest.remove(name);
    if rest.is_empty() && is_match {
        // A match must say something: any of it.
        rest.insert(name.to_owned(), json!("any"));
    }
    let mut lesser = vec![(format!(".{name}"), Value::Object(rest))];
    lesser.extend(without_one(field, false).into_iter().map(|(what, smaller)| {
        let mut fields = fields.clone();
        let nothing = smaller.as_object().is_some_and(Map::is_empty);
        fields.insert(name.to_owned(), if nothing { json!("any") } else { smaller });
        (format!(".{name}{what}"), Value::Object(fields))
    }));
    lesser
}
