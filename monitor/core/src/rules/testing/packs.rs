//! Packs: what a file says of them, and what the SHA-256 of a set covers.

use std::path::PathBuf;

use super::parse_text;
use crate::{
    catalog::Catalog,
    problem::Problem,
    rules::{DEFAULT, RuleSet, set::fingerprint},
};

fn files(texts: &[&str]) -> RuleSet {
    let files: Vec<_> =
        (0..).zip(texts).map(|(i, text)| (PathBuf::from(format!("{i}.yaml")), (*text).to_owned())).collect();
    RuleSet::parse(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

fn complaints(text: &str) -> Vec<String> {
    parse_text(text).unwrap_err().iter().map(Problem::headline).collect()
}

#[test]
fn a_file_of_packs_alone_changes_the_built_in_rules_and_the_last_word_counts() {
    let off = "version: 1\npacks: { aws: off, gcp: off }\n";
    let rules = files(&[off]);
    assert_eq!(rules.len(), RuleSet::builtin().unwrap().len());
    assert_eq!(rules.packs_off().into_iter().collect::<Vec<_>>(), ["aws", "gcp"]);
    let rules = files(&[off, "version: 1\npacks:\n  aws: true\n"]);
    assert_eq!(rules.packs_off().into_iter().collect::<Vec<_>>(), ["gcp"]);
    assert!(RuleSet::builtin().unwrap().packs_off().is_empty());
}

#[test]
fn a_pack_that_is_not_there_is_told_with_the_nearest_and_with_all() {
    let mut catalog = Catalog::builtin().unwrap();
    let rules = files(&["version: 1\npacks: { railway: off, kuberntes: off, xyzzy: on }\n"]);
    let problems = rules.switch_packs(&mut catalog).unwrap_err();
    let said: Vec<String> = problems.iter().map(Problem::headline).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with(
            "0.yaml:2:24: packs.kuberntes: there is no pack \"kuberntes\"; expected one of acquia, adobe, aiven, alibaba-cloud"
        ),
        "{said:?}"
    );
    assert!(
        said[0].contains(", vultr, xata") && said[0].ends_with("did you mean \"kubernetes\"?"),
        "{said:?}"
    );
    assert!(said[1].contains("there is no pack \"xyzzy\"") && !said[1].contains("did you mean"), "{said:?}");
    let destinations = &catalog.destinations;
    assert_eq!(
        destinations.classify("backboard.railway.app").map(|(class, _)| class),
        Some(crate::facts::DestinationClass::Infra),
        "nothing is switched where there is a mistake"
    );
}

#[test]
fn what_is_no_choice_is_told_where_it_stands() {
    assert_eq!(
        complaints("version: 1\npacks: { aws: 0, Gcp: off, fly: of }\n"),
        [
            "test.yaml:2:15: packs.aws: found 0; expected on or off",
            "test.yaml:2:18: packs.Gcp: found \"Gcp\"; expected lower-case letters, digits and hyphens, at most 64",
            "test.yaml:2:33: packs.fly: found \"of\"; expected on or off",
        ]
    );
    for text in ["version: 1\npacks: {}\n", "version: 1\npacks: [aws]\n", "version: 1\npacks: off\n"] {
        let said = complaints(text);
        assert!(said.len() == 1 && said[0].contains("expected a mapping of packs to on or off"), "{said:?}");
    }
}

#[test]
fn the_sum_covers_the_built_in_rules_where_files_change_them() {
    let change = "version: 1\npacks: { aws: off }\n";
    let own = "version: 1\nrules:\n  - {id: a, summary: s, on: exec, match: {agent: x}, action: alert}\n";
    let alone = &own.replace("rules:", "builtin: replace\nrules:");
    let sum = |texts: &[&str]| fingerprint(texts.iter().copied());
    assert_eq!(files(&[change]).sha256(), sum(&[DEFAULT, change]));
    assert_eq!(files(&[own, change]).sha256(), sum(&[DEFAULT, own, change]));
    assert_eq!(
        files(&[alone, change]).sha256(),
        sum(&[alone, change]),
        "the built-in rules are not in force"
    );
    assert_eq!(RuleSet::builtin().unwrap().sha256(), sum(&[DEFAULT]));
    let over = "version: 1\noverride: [{id: secret-sweep, enabled: false}]\n";
    assert_eq!(files(&[over]).sha256(), sum(&[DEFAULT, over]));
    let sums =
        [files(&[change]), files(&[over]), RuleSet::builtin().unwrap()].map(|set| set.sha256().to_owned());
    assert!(sums[0] != sums[1] && sums[1] != sums[2] && sums[0] != sums[2], "{sums:?}");
}
