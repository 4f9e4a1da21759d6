//! `interlock rules`: check, list, packs, schema.

use std::{fs, path::Path, process::Output};

use interlock_tests::daemon::text;
use tempfile::TempDir;

use super::program::{interlock, refuses};

#[test]
fn a_rules_file_with_five_mistakes_is_told_all_five() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    let rules = "version: 1\nrules:\n  - id: Bad Id\n    summary: s\n    on: conect\n    match: { destination: infa }\n    \
                 action: hodl\n    severity: loud\n";
    fs::write(&file, rules).unwrap();
    let output = interlock(&["rules", "check", file.to_str().unwrap()]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        "bad.yaml:3:9: rules[0].id",
        "bad.yaml:5:9: rules[0].on",
        "bad.yaml:6:27: rules[0].match.destination",
        "bad.yaml:7:13: rules[0].action",
        "bad.yaml:8:15: rules[0].severity",
        "did you mean \"hold\"?",
        "did you mean \"infra\"?",
        "expected",
    ] {
        assert!(said.contains(expected), "{expected} is missing:\n{said}");
    }
}

#[test]
fn the_built_in_rules_are_listed_and_pass_their_own_check() {
    assert!(interlock(&["rules", "list", "--output", "json"]).status.success());
    let listed = interlock(&["rules", "list"]);
    assert!(
        listed.status.success() && text(&listed).contains("infra-after-foreign-secret"),
        "{}",
        text(&listed)
    );
    let row = |id: &str| text(&listed).lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row("infra-after-foreign-secret").contains(" gate "), "{}", text(&listed));
    assert!(row("metadata-service").contains(" kernel "), "{}", text(&listed));
    assert!(row("foreign-secret-read").contains(" daemon "), "{}", text(&listed));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/default.yaml");
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", text(&checked));
}

/// A file of one rule about connections that holds.
fn check_hold(destination: &str, more: &[&str]) -> Output {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rule = "id: site, summary: s, on: connect, action: hold";
    let rules = format!("version: 1\nrules:\n  - {{{rule}, match: {{destination: {destination}}}}}\n");
    fs::write(&file, rules).unwrap();
    interlock(&[&["rules", "check", file.to_str().unwrap()], more].concat())
}

#[test]
fn a_rule_that_cannot_do_what_it_says_is_refused_by_the_check_and_by_the_daemon() {
    let refused = check_hold("{host: [compute.googleapis.com, www.googleapis.com]}", &[]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("site.yaml:3:108: rules[0].match.destination.host[1]: www.googleapis.com is a model's"),
        "{said}"
    );
    assert!(said.contains("write also: infra"), "{said}");
    let meant = check_hold("{host: www.googleapis.com, also: infra}", &[]);
    assert!(meant.status.success(), "{}", text(&meant));
    let pure = check_hold("{host: api.anthropic.com, also: infra}", &[]);
    assert!(text(&pure).contains("does not mark api.anthropic.com"), "{}", text(&pure));
    assert_eq!(check_hold("{class: infra, host: api.anthropic.com}", &[]).status.code(), Some(1));

    let dir = TempDir::new().unwrap();
    let rules = dir.path().join("rules.d");
    fs::create_dir(&rules).unwrap();
    let rule =
        "id: m, summary: s, on: connect, action: freeze, match: {destination: {host: api.anthropic.com}}";
    fs::write(rules.join("site.yaml"), format!("version: 1\nrules:\n  - {{{rule}}}\n")).unwrap();
    let (code, said) = refuses(dir.path(), &format!("rules = \"{}\"", rules.display()));
    assert!(
        code != Some(0) && said.contains("site.yaml:3:82: rules[0].match.destination.host"),
        "{code:?} {said}"
    );
}

#[test]
fn a_rule_that_an_exception_leaves_nothing_to_is_refused_with_its_place() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rules = "version: 1\nrules:\n  - id: quiet\n    summary: s\n    on: environ\n    match: { environ: any }\n    \
                 action: allow\n  - id: loud\n    summary: s\n    on: environ\n    match: { environ: { own: true } }\n    \
                 action: alert\n    when: session.risk >= 0\n";
    fs::write(&file, rules).unwrap();
    let said = text(&interlock(&["rules", "check", file.to_str().unwrap()]));
    assert!(said.contains("site.yaml:13:24: rules[1].when: this is always true"), "{said}");
    fs::write(&file, rules.replace("    when: session.risk >= 0\n", "")).unwrap();
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    let said = text(&checked);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("site.yaml:8:9: rules[1].id: it can never fire: the exception quiet ("), "{said}");
}

#[test]
fn what_this_machine_cannot_stop_is_a_warning_and_with_strict_a_problem() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rule = "id: o, summary: s, on: open, action: hold, match: {secret: {grade: A}}";
    fs::write(&file, format!("version: 1\nrules:\n  - {{{rule}}}\n")).unwrap();
    let lsm = fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.contains("bpf"));
    let check = |more: &[&str]| {
        let place = ["--socket", "/nowhere/control.sock", "rules", "check", file.to_str().unwrap()];
        interlock(&[&place, more].concat())
    };
    let (plain, strict) = (check(&[]), check(&["--strict"]));
    assert!(plain.status.success(), "{}", text(&plain));
    assert_eq!(text(&plain).contains("warning: "), !lsm, "{}", text(&plain));
    assert_eq!(text(&plain).contains("hold of open needs the lsm backend"), !lsm, "{}", text(&plain));
    assert_eq!(strict.status.success(), lsm, "{}", text(&strict));
}

#[test]
fn packs_are_listed_switched_and_checked() {
    let dir = TempDir::new().unwrap();
    let (rules, config) = (dir.path().join("rules"), dir.path().join("config.toml"));
    fs::create_dir(&rules).unwrap();
    fs::write(&config, format!("rules = \"{}\"\n", rules.display())).unwrap();
    fs::write(rules.join("packs.yaml"), "version: 1\npacks: { aws: off }\n").unwrap();
    let asked = |args: &[&str]| interlock(&[&["--config", config.to_str().unwrap()], args].concat());
    let packs: serde_json::Value =
        serde_json::from_slice(&asked(&["rules", "packs", "--output", "json"]).stdout).unwrap();
    let on = |name: &str| {
        packs.as_array().unwrap().iter().find(|pack| pack["name"] == name).unwrap()["on"].clone()
    };
    assert_eq!((on("aws"), on("railway")), (false.into(), true.into()), "{packs}");
    let listed = asked(&["rules", "list"]);
    let said = String::from_utf8_lossy(&listed.stderr);
    assert!(said.contains("packs switched off: aws;") && listed.status.success(), "{}", text(&listed));
    fs::write(rules.join("packs.yaml"), "version: 1\npacks: { was: off }\n").unwrap();
    for verb in
        [&["rules", "check"][..], &["rules", "list"], &["rules", "packs"], &["rules", "test", "x.yaml"]]
    {
        let refused = asked(verb);
        let said = text(&refused);
        assert!(!refused.status.success(), "{verb:?}: {said}");
        assert!(
            said.contains("packs.yaml:2:10: packs.was: there is no pack \"was\"; expected one of acquia"),
            "{said}"
        );
        assert!(
            said.contains("did you mean \"aws\"?") && said.contains("\n             ^^^"),
            "{verb:?}: {said}"
        );
    }
}

#[test]
fn the_schema_is_printed_as_it_is_committed() {
    let printed = interlock(&["rules", "schema"]);
    let committed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/schema.json")).unwrap();
    assert!(printed.status.success() && printed.stdout == committed, "{}", text(&printed));
}

#[test]
fn problems_are_json_with_the_very_characters() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    let rules = "version: 1\nrules:\n  - id: a\n    summary: s\n    on: connect\n    match: { destination: infra }\n    \
                 action: alert\n    when: sesion.age > duration(\"5s\") && destination.port == \"443\"\n";
    fs::write(&file, rules).unwrap();
    let output = interlock(&["rules", "check", file.to_str().unwrap(), "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let checked: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = checked[0]["problems"].as_array().unwrap();
    let line = rules.lines().nth(7).unwrap();
    let found: Vec<String> = problems
        .iter()
        .map(|problem| {
            assert_eq!((&problem["line"], &problem["source"]), (&8.into(), &line.into()), "{problem}");
            let (column, width) = (problem["column"].as_u64().unwrap(), problem["width"].as_u64().unwrap());
            line.chars().skip(column as usize - 1).take(width as usize).collect()
        })
        .collect();
    assert_eq!(found, ["sesion.age", "=="]);
    assert_eq!(problems[0]["hint"], "did you mean session.age?");
}
