//! What machines read, as committed in `docs/schema`, is what the types say. `INTERLOCK_WRITE_SCHEMAS=1` writes it anew.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::{Arg, Command, CommandFactory as _};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{
    Cli,
    about::Version,
    ledger::{CheckpointView, Proven, Verified},
    policy::Installed,
    replay::Replayed,
    report::Summary,
    rule_test::Tested,
    rules::{Checked, Listed, Switched},
};
use crate::{
    control::{
        api::{GrantView, HoldView, SessionView, Status, TargetView},
        factors::FactorView,
        openapi,
    },
    ledger::chain::Link,
};
use interlock_core::{
    event_fields::own, explanation::Explanation, health::Check, problem::Problems, suggest::Suggestions,
};

/// Every document by its name.
fn documents() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("doctor", of::<Vec<Check>>()),
        #[cfg(feature = "drill")]
        ("drill", of::<crate::drill::Report>()),
        ("event", own::schema()),
        ("explain", of::<Explanation>()),
        ("factors", of::<Vec<FactorView>>()),
        ("grants", of::<Vec<GrantView>>()),
        ("holds", of::<Vec<HoldView>>()),
        ("ledger-checkpoint", of::<CheckpointView>()),
        ("ledger-proof", of::<Proven>()),
        ("ledger-show", of::<Link>()),
        ("ledger-verify", of::<Verified>()),
        ("notifier", of::<Vec<TargetView>>()),
        ("openapi", openapi::document()),
        ("policy-list", of::<Vec<Installed>>()),
        ("problems", problems()),
        ("ps", of::<Vec<SessionView>>()),
        ("replay", of::<Replayed>()),
        ("report", of::<Summary>()),
        ("rules-check", of::<Vec<Checked>>()),
        ("rules-list", of::<Vec<Listed<'static>>>()),
        ("rules-packs", of::<Vec<Switched>>()),
        ("rules-test", of::<Tested>()),
        ("status", of::<Status>()),
        ("suggest", of::<Suggestions>()),
        ("version", of::<Version>()),
    ])
}

/// What each verb prints with `--output json`, where it does not refuse what it was given.
const PRINTED: &[(&str, &[&str])] = &[
    ("config check", &["problems"]),
    ("doctor", &["doctor"]),
    #[cfg(feature = "drill")]
    ("drill", &["drill"]),
    ("events", &["event"]),
    ("explain", &["explain"]),
    ("factor list", &["factors"]),
    ("grants", &["grants"]),
    ("holds", &["holds"]),
    ("ledger checkpoint", &["ledger-checkpoint"]),
    ("ledger show", &["ledger-show"]),
    ("ledger verify", &["ledger-verify", "ledger-proof"]),
    ("notifier status", &["notifier"]),
    ("notifier test", &["notifier"]),
    ("policy list", &["policy-list"]),
    ("ps", &["ps"]),
    ("replay", &["replay"]),
    ("report", &["report"]),
    ("rules check", &["rules-check"]),
    ("rules list", &["rules-list"]),
    ("rules packs", &["rules-packs"]),
    ("rules test", &["rules-test"]),
    ("status", &["status"]),
    ("suggest", &["suggest"]),
    ("version", &["version"]),
];

/// The verbs below `command` that take `--output json`.
fn that_print(command: &Command, above: &str) -> Vec<String> {
    let prints = |argument: &Arg| {
        let values = argument.get_possible_values();
        argument.get_long() == Some("output") && values.iter().any(|value| value.get_name() == "json")
    };
    let mut verbs = Vec::new();
    for verb in command.get_subcommands() {
        let name = format!("{above} {}", verb.get_name()).trim_start().to_owned();
        verbs.extend(that_print(verb, &name));
        if verb.get_arguments().any(prints) {
            verbs.push(name);
        }
    }
    verbs
}

#[test]
fn every_verb_that_prints_json_has_a_schema() {
    let (documents, mut verbs) = (documents(), that_print(&Cli::command(), ""));
    verbs.sort();
    let known: Vec<&str> = PRINTED.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(verbs, known, "a verb that prints JSON has no schema, or one of PRINTED prints none");
    let lack = |name: &&&str| !documents.contains_key(**name);
    let lacking: Vec<_> = PRINTED.iter().flat_map(|(_, names)| names.iter()).filter(lack).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
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
