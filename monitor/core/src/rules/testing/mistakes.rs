//! Mistakes in rules files: all found at once, each in its place.

use std::path::PathBuf;

use super::parse_text;
use crate::{problem::Problem, rules::RuleSet};

fn problems(text: &str) -> Vec<Problem> {
    parse_text(text).unwrap_err().0
}

/// Problems of one rule, written in flow style on line 3.
fn of_rule(rule: &str) -> String {
    let text = format!("version: 1\nrules:\n  - {{id: a, summary: s, {rule}}}\n");
    problems(&text).iter().map(Problem::headline).collect::<Vec<_>>().join("\n")
}

#[test]
fn five_mistakes_give_five_problems_with_their_lines() {
    let text = "\
version: 1
rules:
  - id: infra
    summary: An agent connects to an infrastructure API.
    on: conect
    match:
      destination: inrfa
      touched: { grade: A, foriegn: true, within: 30 }
    action: hodl
";
    let found = problems(text);
    let seen: Vec<_> =
        found.iter().map(|p| (p.line, p.column, p.field.as_str(), p.hint.as_deref())).collect();
    let expected = [
        (5, 9, "rules[0].on", Some("did you mean \"connect\"?")),
        (7, 20, "rules[0].match.destination", Some("did you mean \"infra\"?")),
        (8, 28, "rules[0].match.touched.foriegn", Some("did you mean \"foreign\"?")),
        (8, 51, "rules[0].match.touched.within", Some("a number needs its unit: did you mean 30s?")),
        (9, 13, "rules[0].action", Some("did you mean \"hold\"?")),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        found[4].to_string(),
        "test.yaml:9:13: rules[0].action: found \"hodl\"; expected allow, alert, hold, deny, freeze, kill; \
         did you mean \"hold\"?\n        action: hodl\n                ^^^^"
    );
}

#[test]
fn mistakes_in_several_rules_and_files_are_all_found() {
    let good = "version: 1\nrules:\n  - {id: a, summary: s, on: exec, match: {agent: x}, action: alert}\n";
    let twice =
        "version: 1\nrules:\n  - {id: a, summary: s, on: exec, match: {agent: x}, action: alert}\n  - 5\n";
    let files = [
        (PathBuf::from("10.yaml"), good.to_owned()),
        (PathBuf::from("20.yaml"), twice.to_owned()),
        (PathBuf::from("30.yaml"), String::new()),
        (PathBuf::from("40.yaml"), "a: [".to_owned()),
        (PathBuf::from("50.yaml"), "version: 2\nrules: []\n".to_owned()),
    ];
    let problems = RuleSet::parse(&files).unwrap_err();
    let lines: Vec<_> = problems.iter().map(Problem::headline).collect();
    assert!(lines[0].starts_with("20.yaml:3:10: id: the id \"a\" is taken by 10.yaml:3"), "{lines:#?}");
    assert!(lines[1].starts_with("20.yaml:4:5: rules[1]: found 5; expected a mapping"), "{lines:#?}");
    assert!(lines[2].starts_with("30.yaml: the file holds no rules"), "{lines:#?}");
    assert_eq!(lines[3], "40.yaml:1:4: this is not YAML: unclosed bracket '['");
    assert!(lines[4].starts_with("50.yaml:1:10: version: found 2"), "{lines:#?}");
    assert!(lines[5].starts_with("50.yaml:2:8: rules: found an empty list"), "{lines:#?}");
    assert_eq!(lines.len(), 6, "{lines:#?}");
}

#[test]
fn a_field_that_is_there_twice_is_found_beside_other_mistakes() {
    let text = of_rule("on: exec, match: {agent: x}, action: alert, action: kill, risk: 1000");
    assert!(text.contains("action: the field is there twice"), "{text}");
    assert!(text.contains("rules[0].risk: found 1000; expected a number from 0 to 100"), "{text}");
}

#[test]
fn missing_fields_are_all_named() {
    let found = problems("version: 1\nrules:\n  - { severity: low }\n");
    let fields: Vec<_> = found.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields.len(), 5);
    for field in ["id", "summary", "on", "action", "match"] {
        assert!(fields.contains(&&*format!("rules[0].{field}")), "{field} in {fields:?}");
    }
    assert!(found.iter().all(|problem| problem.line == 3));
}

#[test]
fn combinations_that_could_not_work_are_refused() {
    let cases = [
        ("on: probe, match: {secret: any}, action: hold", "action: this is only seen once it has happened"),
        ("on: probe, match: {secret: any}, action: deny", "use alert, freeze or kill"),
        (
            "on: connect, match: {destination: infra}, action: alert, before: handshake",
            "before: only a connection that is stopped waits with something",
        ),
        (
            "on: open, match: {secret: any}, action: hold, before: handshake",
            "only a connection that is stopped",
        ),
        ("on: exec, match: {agent: x}, action: alert, timeout: {after: 1m, then: deny}", "only a hold waits"),
        (
            "on: connect, match: {destination: infra}, action: hold, timeout: {after: 1m, then: allow}",
            "silence",
        ),
        (
            "on: exec, match: {agent: x}, action: deny, approve: {count: 2}",
            "approve: only a hold is approved",
        ),
        ("on: exec, match: {agent: x}, action: hold, approve: {count: 3}", "from 1 to 2"),
        ("on: exec, match: {agent: x}, action: hold, approve: {}", "approve: it asks for nothing"),
        ("on: exec, match: {agent: x}, action: hold, approve: {by: []}", "found an empty list"),
        ("on: exec, match: {agent: x}, action: hold, approve: {by: 'a:b'}", "the name of a group"),
        ("on: exec, match: {agent: x}, action: hold, approve: {factor: sms}", "expected totp, key"),
        (
            "on: exec, match: {agent: x}, action: hold, approve: {reason: requird}",
            "did you mean \"required\"?",
        ),
        ("on: open, match: {touched: {grade: A}}, action: alert", "match.touched: on: open has no touched"),
        (
            "on: open, match: {destination: infra}, action: alert",
            "match.destination: on: open has no destination",
        ),
        ("on: exec, match: {environ: {own: true}}, action: alert", "match.environ: on: exec has no environ"),
        ("on: exec, match: {}, action: kill", "a rule without a condition matches everything"),
        ("on: connect, match: {destination: {}}, action: alert", "found an empty mapping"),
        ("on: connect, match: {destination: model}, action: deny", "are never blocked"),
        ("on: connect, match: {destination: [model, package]}, action: freeze", "are never blocked"),
        ("on: exec, match: {agent: x}, action: allow, risk: 5", "an exception adds no risk"),
        ("on: exec, match: {agent: x}, action: allow, threshold: {count: 3, within: 1m}", "how often"),
        (
            "on: exec, match: {agent: x}, action: alert, threshold: {count: 3, within: 1m, distinct: file.path}",
            "on: exec has no file.path",
        ),
        ("on: exec, match: {agent: x}, action: alert, threshold: {count: 1, within: 1m}", "from 2 to 1024"),
        ("on: connect, match: {destination: {port: 70000}}, action: alert", "from 1 to 65535"),
        ("on: connect, match: {destination: {host: 'https://a'}}, action: alert", "that is no host name"),
        ("on: exec, match: {process: {executable: 'a['}}, action: alert", "expected a glob"),
        ("on: exec, match: {agent: []}, action: alert", "found an empty list"),
        ("on: exec, match: {agent: 5}, action: alert", "expected text; put it in quotes"),
        ("on: exec, match: {agent: x}, action: alert, enabled: yes", "expected true or false"),
    ];
    for (rule, expected) in cases {
        let text = of_rule(rule);
        assert!(text.contains(expected), "{rule}\ngave\n{text}");
        assert_eq!(text.lines().count(), 1, "{rule}\ngave\n{text}");
    }
}

#[test]
fn ids_are_fit_for_labels_and_command_lines() {
    let found = problems(
        "version: 1\nrules:\n  - {id: A b, summary: s, on: exec, match: {agent: x}, action: alert}\n",
    );
    assert!(found[0].headline().contains("expected lower-case letters, digits and hyphens"));
}

#[test]
fn a_set_is_known_by_the_content_of_its_files() {
    let text = "version: 1\nrules:\n  - {id: a, summary: s, on: exec, match: {agent: x}, action: alert}\n";
    let one = parse_text(text).unwrap();
    let other = parse_text(&format!("{text}# a comment\n")).unwrap();
    assert_eq!(one.sha256().len(), 64);
    assert_ne!(one.sha256(), other.sha256());
    assert_eq!(one.sha256(), parse_text(text).unwrap().sha256());
}
