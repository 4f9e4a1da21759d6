//! The JSON schema accepts what the parser accepts, and refuses what has the wrong shape.

use jsonschema::Validator;
use serde_json::Value;

use super::parse_text;
use crate::rules::{DEFAULT, RuleSet, schema::schema};

const COMMITTED: &str = include_str!("../../../../../rules/schema.json");

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap_or_else(|error| panic!("the schema is no schema: {error}"))
}

fn json(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

fn complaints(yaml: &str) -> Vec<String> {
    let instance = json(yaml);
    let validator = validator();
    validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_committed_schema_is_the_one_of_the_table() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert!(text == COMMITTED, "run: cargo run -p interlock -- rules schema > rules/schema.json");
}

/// The YAML blocks of the reference that are whole files.
fn examples() -> Vec<&'static str> {
    let reference = include_str!("../../../../../docs/rules.md");
    let blocks = reference.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    // What tests rules is tested with the cases.
    blocks.filter(|block| block.starts_with("version: 1") && !block.contains("\ncases:")).collect()
}

#[test]
fn the_default_rules_and_every_example_fit_the_schema_and_the_parser() {
    let examples = examples();
    assert!(examples.len() >= 5, "{} examples", examples.len());
    for yaml in examples.into_iter().chain([DEFAULT]) {
        assert_eq!(complaints(yaml), Vec::<String>::new(), "{yaml}");
        let files = [("test.yaml".into(), yaml.to_owned())];
        RuleSet::parse(&files).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn what_the_parser_refuses_for_its_shape_the_schema_refuses_too() {
    let fine = "id: a, summary: s, on: exec, match: {agent: x}, action: alert";
    let rule = |fields: &str| format!("version: 1\nrules:\n  - {{{fields}}}\n");
    assert_eq!(complaints(&rule(fine)), Vec::<String>::new());
    let mut files: Vec<String> = [
        "id: a, summary: s, on: exce, match: {agent: x}, action: alert",
        "id: a, summary: s, on: exec, match: {agent: x}, action: hodl",
        "id: A b, summary: s, on: exec, match: {agent: x}, action: alert",
        "summary: s, on: exec, match: {agent: x}, action: alert",
        "id: a, summary: ' ', on: exec, match: {agent: x}, action: alert",
        "id: a, summary: s, on: exec, match: {}, action: alert",
        "id: a, summary: s, on: exec, match: {agnet: x}, action: alert",
        "id: a, summary: s, on: exec, match: {agent: []}, action: alert",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, risk: 101",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, risk: 1.5",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, tags: T1",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, references: x.test",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, enabled: 'yes'",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, threshold: {count: 1, within: 1m}",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, threshold: {count: 2, within: 30}",
        "id: a, summary: s, on: connect, match: {destination: inrfa}, action: alert",
        "id: a, summary: s, on: connect, match: {destination: {port: 0}}, action: alert",
        "id: a, summary: s, on: connect, match: {destination: {}}, action: alert",
        "id: a, summary: s, on: connect, match: {touched: {within: soon}}, action: alert",
        "id: a, summary: s, on: connect, match: {destination: infra}, action: hold, timeout: {after: 1m, then: allow}",
        "id: a, summary: s, on: exec, match: {agent: x}, action: hold, approve: {count: 3}",
        "id: a, summary: s, on: exec, match: {agent: x}, action: hold, approve: {factor: sms}",
        "id: a, summary: s, on: exec, match: {agent: x}, action: alert, after: {within: 1m}",
        "id: a, summary: s, on: exec, match: {session: {age: {above: 1m}}}, action: alert",
    ]
    .map(rule)
    .to_vec();
    files.extend(
        [
            "version: 2\nrules: []",
            "version: 1",
            "version: 1\noverride: [{risk: 1}]",
            "version: 1\nlists: {a: []}",
            "version: 1\nbuiltin: extend",
        ]
        .map(str::to_owned),
    );
    for file in files {
        assert!(!complaints(&file).is_empty(), "the schema accepts\n{file}");
        assert!(parse_text(&file).is_err(), "the parser accepts\n{file}");
    }
}
