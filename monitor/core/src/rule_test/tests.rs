//! Cases as people write them: right ones, wrong ones, and what is said about both.

use std::{path::PathBuf, sync::Arc};

use super::*;
use crate::{catalog::Catalog, problem::Problems, rules::RuleSet};

fn read(text: &str) -> Result<Vec<Case>, Problems> {
    read::read(&[(PathBuf::from("case.yaml"), text.to_owned())], &RuleSet::builtin().unwrap())
}

proptest::proptest! {
    /// Whatever words stand where: there are cases, or there are problems, and never a panic.
    #[test]
    fn nothing_that_is_written_panics(words in proptest::collection::vec("[-a-z0-9~/.:{}\\[\\]\", \n']{0,12}", 0..40)) {
        let text = format!("version: 1\ncases:\n  - name: a\n    events: [{}]\n", words.join(" "));
        if let Err(problems) = read(&text) {
            proptest::prop_assert!(!problems.is_empty());
        }
    }
}

fn misses(events: &str) -> Vec<String> {
    misses_by(&Arc::new(RuleSet::builtin().unwrap()), events)
}

fn misses_by(rules: &Arc<RuleSet>, events: &str) -> Vec<String> {
    let text = format!("version: 1\ncases:\n  - name: it\n    events:\n{events}");
    let mut catalog = Catalog::builtin().unwrap();
    rules.switch_packs(&mut catalog).unwrap();
    let runner = Runner { rules, catalog: &catalog };
    let cases = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let misses = cases.iter().flat_map(|case| runner.run(case).misses);
    misses.map(|miss| format!("{}: {}: {} ≠ {}", miss.line, miss.event, miss.expected, miss.got)).collect()
}

#[test]
fn the_incident_is_played_with_the_catalogues_knowledge() {
    let events = "
      - { exec: cat ~/.railway/config.json, expect: silent }
      - { at: 1s, open: ~/.railway/config.json, expect: { alert: foreign-secret-read } }
      - { at: 5s, connect: backboard.railway.app, process: curl, expect: { hold: infra-after-foreign-secret } }
      - { at: 6s, connect: api.anthropic.com, expect: silent }
";
    assert_eq!(misses(events), [""; 0]);
}

#[test]
fn a_case_says_in_which_pod_its_session_is() {
    let text = "version: 1\nrules:\n  - {id: in-prod, summary: s, on: connect, match: {destination: infra, pod: {namespace: prod-*, labels: tier=api, service_account: deployer}}, action: hold}\n";
    let rules = Arc::new(RuleSet::parse(&[(PathBuf::from("own.yaml"), text.to_owned())]).unwrap());
    let case = |name: &str, pod: &str, expected: &str| {
        let act = "{ connect: backboard.railway.app, process: curl }";
        format!("  - {{ name: {name}, session: {{ pod: {pod} }}, events: [{act}], expect: {expected} }}\n")
    };
    let cases = [
        case(
            "meant",
            "{ namespace: prod-eu, labels: [tier=api], service_account: deployer }",
            "{ hold: in-prod }",
        ),
        case("another", "{ namespace: dev, labels: [tier=api], service_account: deployer }", "silent"),
        case("labels", "{ namespace: prod-eu, service_account: deployer }", "silent"),
        case("unknown", "unknown", "{ hold: in-prod }"),
        case("none", "none", "silent"),
    ];
    let text = format!("version: 1\ncases:\n{}", cases.concat());
    let cases = read::read(&[(PathBuf::from("case.yaml"), text)], &rules).unwrap();
    let catalog = Catalog::builtin().unwrap();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let misses: Vec<String> =
        cases.iter().flat_map(|case| runner.run(case).misses).map(|miss| format!("{miss:?}")).collect();
    assert_eq!((cases.len(), misses), (5, Vec::new()));
}

#[test]
fn a_pack_that_is_off_takes_its_secrets_and_hosts_from_the_rules_and_no_others() {
    let without = |pack: &str| {
        let text = format!("version: 1\npacks: {{ {pack}: off }}\n");
        Arc::new(RuleSet::parse(&[(PathBuf::from("packs.yaml"), text)]).unwrap())
    };
    // Not `unknown` either: the rules about hosts that nothing is known of leave it alone.
    let hosts = "
      - { open: ~/.aws/credentials, process: cat, expect: { alert: foreign-secret-read } }
      - { at: 1s, connect: backboard.railway.app, process: curl, expect: silent }
      - { at: 2s, connect: api.vercel.com, process: curl, expect: { hold: infra-after-foreign-secret } }
";
    assert_eq!(misses_by(&without("railway"), hosts), [""; 0]);
    assert_eq!(misses(hosts).len(), 1);
    let secrets = "
      - { open: ~/.railway/config.json, process: cat, expect: silent }
      - { exec: railway variables, expect: silent }
      - { at: 1s, probe: ~/.railway/config-dev.json, process: cat, expect: silent }
      - { at: 2s, link: { path: ~/.railway/config.json, to: /tmp/notes.txt }, expect: silent }
      - { at: 3s, open: /tmp/notes.txt, process: cat, expect: silent }
      - { at: 4s, connect: api.vercel.com, process: curl, expect: silent }
      - { at: 5s, open: ~/.netrc, process: cat, expect: { alert: foreign-secret-read } }
";
    assert_eq!(misses_by(&without("railway"), secrets), [""; 0]);
    assert!(misses(secrets).len() >= 3, "{:?}", misses(secrets));
    // A name that could be either is the other's: a session's own DNS must not make it plain.
    let either = "
      - { open: ~/.netrc, process: cat }
      - { at: 1s, connect: { address: 66.33.22.1, resolved: [backboard.railway.app, api.vercel.com] }, process: curl,
          expect: { hold: infra-after-foreign-secret } }
";
    assert_eq!(misses_by(&without("railway"), either), [""; 0]);
}

#[test]
fn a_miss_says_what_was_expected_and_what_happened() {
    let events = "
      - { open: ~/.railway/config.json, process: railway, expect: { alert: foreign-secret-read } }
      - { at: 1m30s, open: ~/.aws/credentials, expect: silent }
";
    let expected = [
        "6: 0s open ~/.railway/config.json: alert foreign-secret-read ≠ silence",
        "7: 1m30s open ~/.aws/credentials: silence ≠ alert foreign-secret-read",
    ];
    assert_eq!(misses(events), expected);
}

#[test]
fn nothing_is_judged_after_a_freeze() {
    let events = "
      - { open: ~/.railway/config.json }
      - { open: ~/.aws/credentials }
      - { open: ~/.netrc }
      - { open: ~/.pgpass }
      - { open: ~/.ssh/id_rsa, expect: { freeze: secret-sweep, alert: foreign-secret-read } }
      - { at: 1s, connect: api.vercel.com, expect: { hold: infra-after-foreign-secret } }
";
    let found = misses(events);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("nothing runs any more: freeze secret-sweep at 0s open ~/.ssh/id_rsa"),
        "{found:?}"
    );
}

#[test]
fn a_secret_is_followed_under_its_new_name_and_the_agent_reads_its_own() {
    let events = "
      - { link: { path: ~/.railway/config.json, to: /tmp/notes.txt } }
      - { open: /tmp/notes.txt, expect: { alert: foreign-secret-read } }
      - { open: /tmp/other.txt, expect: silent }
      - { open: ~/.claude/.credentials.json, process: agent, expect: silent }
      - { open: ~/.claude/.credentials.json, process: cat x, expect: { alert: foreign-secret-read } }
      - { open: .env, expect: silent }
      - { open: ../other/.env, expect: { alert: foreign-secret-read } }
";
    assert_eq!(misses(events), [""; 0]);
}

#[test]
fn the_ends_of_a_session_are_judged_like_anything_else() {
    let rules = "version: 1
builtin: replace
rules:
  - { id: begun, summary: s, on: lifecycle, match: { lifecycle: started, agent: claude-code }, action: alert, risk: 60 }
  - { id: over, summary: s, on: lifecycle, match: { lifecycle: ended, session: { age: { over: 1h } } }, action: alert }
  - id: early
    summary: s
    on: connect
    match: { destination: infra }
    after: { within: 5m, steps: [{ id: begun, on: lifecycle, match: { lifecycle: started } }] }
    action: hold
";
    let cases = "version: 1
cases:
  - name: long
    events:
      - { lifecycle: started, expect: { alert: begun } }
      - { at: 5m, connect: api.vercel.com, expect: { hold: early } }
      - { at: 6m, connect: api.vercel.com, expect: silent }
      - { at: 2h, lifecycle: ended, expect: { alert: over } }
  - name: short
    events:
      - { at: 59m, lifecycle: ended, expect: silent }
  - name: another
    session: { agent: codex }
    events:
      - { lifecycle: started, expect: silent }
";
    let rules = Arc::new(RuleSet::parse(&[("rules.yaml".into(), rules.to_owned())]).unwrap());
    let catalog = Catalog::builtin().unwrap();
    let cases = Cases::parse(&[("cases.yaml".into(), cases.to_owned())], &rules).unwrap();
    let runner = Runner { rules: &rules, catalog: &catalog };
    let misses: Vec<Miss> = cases.iter().flat_map(|case| runner.run(case).misses).collect();
    assert_eq!(misses, []);
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let text = "version: 1
cases:
  - name: a
    sesion: {}
    events:
      - { at: 4, open: x, probe: y, expect: quiet }
      - { at: 3s, connect: { hots: x }, expect: { hold: infra-after-foreign-secrets } }
      - { at: 2s, open: z }
  - name: a
    events: [{ environ: {} }]
";
    let problems = read(text).unwrap_err();
    let said: Vec<String> = problems.iter().map(crate::problem::Problem::headline).collect();
    for expected in [
        "case.yaml:4:5: cases[0].sesion: there is no such field",
        "case.yaml:6:15: cases[0].events[0].at: found 4; expected a time since the session began",
        "case.yaml:6:9: cases[0].events[0]: found open and probe; expected exactly one of open",
        "case.yaml:6:45: cases[0].events[0].expect: found \"quiet\"",
        "case.yaml:7:30: cases[0].events[1].connect.hots: there is no such field",
        "there is no rule \"infra-after-foreign-secrets\"; expected the id of a rule, or risk-budget; did you mean \"infra-after-foreign-secret\"?",
        "found 2s, after an event at 3s; expected events in the order of their times",
        "case.yaml:10:25: cases[1].events[0].environ.own: the field is missing",
        "nothing is expected of the case",
    ] {
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected}\nis missing in\n{}",
            said.join("\n")
        );
    }
    assert!(problems.iter().all(|problem| problem.source.is_some()));
    assert!(
        problems
            .to_string()
            .contains("      - { at: 3s, connect: { hots: x }, expect: { hold: infra-after-fo")
    );
    assert!(problems.to_string().contains("^^^^^^^^^^^^^^^^^^^^^^^^^^^"));
}

mod repository;

#[test]
fn what_people_do_is_expected_like_what_sessions_do() {
    let rule = "infra-after-foreign-secret";
    let misses = |then: &[&str]| {
        let before =
            ["{ open: ~/.railway/config.json, process: cat }", "{ at: 5s, connect: backboard.railway.app }"];
        let lines = before.iter().chain(then).map(|line| format!("      - {}\n", line.replace("RULE", rule)));
        misses(&lines.collect::<String>())
    };
    assert_eq!(misses(&["{ approve: RULE, expect: { allow: RULE } }"]), [""; 0]);
    let nothing = misses(&["{ approve: RULE }", "{ approve: RULE, expect: silent }"]);
    assert_eq!(nothing, [format!("8: 5s approve {rule}: silence ≠ nothing waits by {rule}")]);
    let running = misses(&["{ thaw: RULE, expect: silent }"]);
    assert_eq!(running, [format!("7: 5s thaw {rule}: silence ≠ nothing is frozen")]);
    let stands = misses(&["{ silence: RULE }", "{ connect: api.anthropic.com, expect: silent }"]);
    let said = format!("nothing runs any more: freeze {rule} at 5s silence {rule}");
    assert_eq!(stands, [format!("8: 5s connect api.anthropic.com:443: silence ≠ {said}")]);
    let wrong = read(
        "version: 1\ncases:\n  - name: a\n    events: [{ deny: nobody-knows-it, process: cat }]\n    expect: silent\n",
    );
    let wrong = wrong.unwrap_err().to_string();
    assert!(
        wrong.contains("a person does it") && wrong.contains("there is no rule \"nobody-knows-it\""),
        "{wrong}"
    );
}
