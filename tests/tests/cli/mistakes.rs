//! What is wrong with files that are no rules.

use std::fs;

use interlock_tests::daemon::text;
use tempfile::TempDir;

use super::program::interlock;

/// A configuration and a catalogue with three mistakes each: words for people, and data for programs.
#[test]
fn a_configuration_and_a_catalogue_are_told_like_rules() {
    let dir = TempDir::new().unwrap();
    let (config, catalog) = (dir.path().join("config.toml"), dir.path().join("catalog"));
    fs::create_dir(&catalog).unwrap();
    let check = |keys: &str, output: &str| {
        fs::write(&config, keys).unwrap();
        interlock(&["--config", config.to_str().unwrap(), "rules", "check", "--output", output])
    };
    let entry =
        "  - { id: own, class: paas, grade: AA, path: [~/.own/token], paths: [token], source: ours }\n";
    fs::write(catalog.join("secrets.yaml"), format!("version: 1\nentries:\n{entry}")).unwrap();
    let catalog = format!("catalog = {:?}\n", catalog.to_str().unwrap());
    let config = "mdoe = \"observe\"\nrisk_budget = 0\nresolvers = [\"dns.example\"]\n";
    let cases = [
        (
            config,
            2,
            [
                "config.toml:1:1: mdoe: unknown key; did you mean \"mode\"?",
                "config.toml:2:15: risk_budget: found 0; expected a whole number of points, 1 or more",
                "config.toml:3:14: resolvers[0]: found \"dns.example\"; expected an address",
            ],
        ),
        (
            catalog.as_str(),
            1,
            [
                "secrets.yaml:3:36: entries[0].grade: found \"AA\"; expected A, B, C",
                "secrets.yaml:3:40: entries[0].path: there is no such field; expected id, class,",
                "secrets.yaml:3:70: entries[0].paths[0]: found \"token\"; expected ~/… or /… or **/…",
            ],
        ),
    ];
    for (keys, code, expected) in cases {
        let output = check(keys, "table");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(expected.iter().all(|line| said.contains(line)), "{expected:#?} not in {said}");
        assert!(said.matches('^').count() > 3, "{said}");
        assert!(
            said.lines().filter(|line| line.starts_with("    ")).all(|line| line.chars().count() <= 80),
            "{said}"
        );
        let output = check(keys, "json");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = said["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 3, "{said}");
        let is_placed = |problem: &serde_json::Value| {
            problem["line"].as_u64() > Some(0)
                && problem["width"].as_u64() > Some(0)
                && problem["source"].is_string()
        };
        assert!(problems.iter().all(is_placed), "{said}");
    }
}
