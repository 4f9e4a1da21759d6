//! `interlock rules test`.

use std::fs;

use interlock_tests::daemon::text;
use tempfile::TempDir;

use super::program::interlock;

/// The repository's own rule tests, by the binary, without a daemon.
#[test]
fn rule_tests_are_played_and_misses_are_listed() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/tests");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/default.yaml");
    let passed = interlock(&["rules", "test", cases, "--rules", rules]);
    assert_eq!(passed.status.code(), Some(0), "{}", text(&passed));
    assert!(text(&passed).contains("as expected, 0 not"), "{}", text(&passed));

    let dir = TempDir::new().unwrap();
    let weak = dir.path().join("weak.yaml");
    fs::write(&weak, "version: 1\noverride: [{ id: infra-after-foreign-secret, enabled: false }]\n").unwrap();
    let args = ["rules", "test", cases, "--rules", weak.to_str().unwrap()];
    let failed = interlock(&args);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed));
    for expected in
        ["connections.yaml:", "the incident is held", "hold infra-after-foreign-secret", "silence"]
    {
        assert!(text(&failed).contains(expected), "{expected} is missing:\n{}", text(&failed));
    }
    let listed = interlock(&[&args[..], &["--output", "json"]].concat());
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(
        listed["failed"].as_u64() > Some(0) && listed["misses"][0]["line"].as_u64() > Some(0),
        "{listed}"
    );
}

#[test]
fn a_rule_test_with_mistakes_is_told_all_of_them_and_is_exit_code_2() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    fs::write(
        &file,
        "version: 1\ncases:\n  - name: a\n    events:\n      - { opne: x, expect: { hodl: y } }\n",
    )
    .unwrap();
    let output = interlock(&[
        "rules",
        "test",
        file.to_str().unwrap(),
        "--rules",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/default.yaml"),
    ]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in ["bad.yaml:5:11", "did you mean \"open\"?", "did you mean \"hold\"?", "^^^^"] {
        assert!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    let none = interlock(&["rules", "test", dir.path().join("none").to_str().unwrap()]);
    assert_eq!(none.status.code(), Some(2), "{}", text(&none));
    let record = interlock(&["replay", file.to_str().unwrap()]);
    assert_eq!(record.status.code(), Some(2), "{}", text(&record));
    assert!(text(&record).contains("bad.yaml:1:1: this is not JSON"), "{}", text(&record));
}
