//! The repository's own cases: they hold, they notice every change of a default rule, and they know the attacks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::super::*;
use crate::{
    catalog::Catalog,
    rules::{self, RuleSet},
};

mod mutation;

/// Sessions that the recall corpus must have at least.
const ATTACKS: usize = 60;

/// The texts of all files of cases below a folder of `rules/`.
#[allow(clippy::disallowed_methods, reason = "the repository's own files are what is tested")]
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                collect(&path, found);
            } else {
                found.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules")).join(folder), &mut found);
    found.sort();
    found
}

fn builtin() -> (Arc<RuleSet>, Catalog) {
    (Arc::new(RuleSet::builtin().unwrap()), Catalog::builtin().unwrap())
}

fn load(name: &str, rules: &RuleSet) -> Cases {
    Cases::parse(&files(name), rules).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_case_of_the_repository_is_decided_as_it_says() {
    let (rules, catalog) = builtin();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let misses: Vec<Miss> = load("tests", &rules).iter().flat_map(|case| runner.run(case).misses).collect();
    assert!(misses.is_empty(), "{misses:#?}");
}

/// Every default rule fires in some case, and some case expects silence of it.
#[test]
fn every_default_rule_has_a_case_that_it_decides() {
    let (rules, catalog) = builtin();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let cases = load("tests", &rules);
    let expected: std::collections::BTreeSet<String> = cases.iter().flat_map(Case::expected_rules).collect();
    assert!(cases.iter().all(|case| runner.run(case).misses.is_empty()));
    let untested: Vec<&str> =
        rules.iter().map(|rule| rule.id.as_str()).filter(|id| !expected.contains(*id)).collect();
    assert!(untested.is_empty(), "no case expects {untested:?}");
}

#[test]
fn every_attack_of_the_corpus_is_held_denied_or_frozen() {
    let (rules, catalog) = builtin();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let cases = load("tests/recall", &rules);
    assert!(cases.len() >= ATTACKS, "{} attacks", cases.len());
    let missed: Vec<&str> = cases
        .iter()
        .filter(|case| runner.run(case).answer() < Some(Answer::Hold))
        .map(|case| case.name.as_str())
        .collect();
    assert!(missed.is_empty(), "not caught: {missed:#?}");
}

/// Two attacks that differ in nothing but their words would say nothing twice.
#[test]
fn no_two_attacks_are_the_same() {
    let (rules, _) = builtin();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for case in load("tests/recall", &rules).iter() {
        let acts: Vec<String> =
            case.events.iter().map(|event| format!("{:?} {:?}", event.act, event.process)).collect();
        if let Some(other) = seen.insert(acts.join("\n"), case.name.clone()) {
            panic!("{:?} and {other:?} do the same", case.name);
        }
    }
}

#[test]
fn deleting_any_condition_of_a_default_rule_fails_a_case() {
    let (rules, catalog) = builtin();
    let cases = load("tests", &rules);
    let mutants = mutation::mutants(rules::DEFAULT);
    assert!(mutants.len() > 4 * rules.len(), "only {} mutants", mutants.len());
    let survives = |rules: &Arc<RuleSet>| {
        let runner = Runner { rules, catalog: &catalog };
        cases.iter().all(|case| runner.run(case).misses.is_empty())
    };
    let survivors: Vec<String> = mutants
        .into_iter()
        .filter_map(|mutant| {
            let files = [
                ("mutant.yaml".into(), mutant.text),
                // Not the mutated rules besides the right ones.
                ("alone.yaml".into(), "version: 1\nbuiltin: replace\n".to_owned()),
            ];
            let rules = match RuleSet::parse(&files) {
                Ok(rules) => Arc::new(rules),
                // Noticed before any case: an exception without its condition leaves nothing of other rules.
                Err(problems) if problems.iter().all(|one| one.message.starts_with("it can never fire")) => {
                    return None;
                }
                Err(problems) => panic!("{}: {problems}", mutant.what),
            };
            survives(&rules).then_some(mutant.what)
        })
        .collect();
    assert!(survivors.is_empty(), "no case fails without: {survivors:#?}");
}

#[test]
fn every_file_of_cases_and_the_references_example_fit_the_committed_schema() {
    const COMMITTED: &str = include_str!("../../../../../rules/cases.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert!(
        text == COMMITTED,
        "run: cargo run -p interlock -- rules schema --cases > rules/cases.schema.json"
    );
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let fits = |yaml: &str| schema.is_valid(&serde_saphyr::from_str(yaml).unwrap());
    for (path, yaml) in files("tests") {
        assert!(fits(&yaml), "{}", path.display());
    }
    let reference = include_str!("../../../../../docs/rules.md");
    let blocks = reference.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (rules, catalog) = builtin();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let mut examples = 0;
    for block in blocks.filter(|block| block.contains("\ncases:")) {
        let cases = read::read(&[(PathBuf::from("docs/rules.md"), block.to_owned())], &rules).unwrap();
        assert!(fits(block) && cases.iter().all(|case| runner.run(case).misses.is_empty()), "{block}");
        examples += cases.len();
    }
    assert_eq!(examples, 3);
    for wrong in
        ["{ at: 4, open: x }", "{ open: x, probe: y }", "{ expect: silent }", "{ open: x, expect: quiet }"]
    {
        assert!(!fits(&format!("version: 1\ncases: [{{ name: a, events: [{wrong}] }}]")), "{wrong}");
    }
}
