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
        let replaced = |(what, value): (String, Value)| {
            let mut rule = rule.clone();
            rule[part] = value;
            (format!("{part}{what}"), rule)
        };
        // A threshold without its bounds is none.
        let possible = |(what, _): &(String, Value)| {
            !(part == "threshold" && [".count", ".within"].contains(&what.as_str()))
        };
        lesser.extend(without_one(value, part == "match").into_iter().filter(possible).map(replaced));
    }
    // As wide as bounds may be, they say as little as none.
    for (bound, widest) in [("within", json!("168h")), ("count", json!(2))] {
        if rule.get("threshold").is_some() {
            let mut rule = rule.clone();
            rule["threshold"][bound] = widest;
            lesser.push((format!("threshold.{bound}"), rule));
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
