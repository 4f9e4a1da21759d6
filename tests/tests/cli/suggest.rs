//! `interlock suggest`.

use std::{fs, path::Path};

use interlock_tests::daemon::text;
use tempfile::TempDir;

use super::program::interlock;

/// A record of two sessions: one that a deploying tool did well in, and one that was frozen.
fn record(dir: &Path) -> String {
    let event = |second: u32, session: &str, more: serde_json::Value| {
        let mut event = serde_json::json!({
            "@timestamp": format!("2026-11-21T12:00:{second:02}Z"), "event.id": format!("e{second}"),
            "interlock.session.id": session, "interlock.session.agent": "claude-code", "process.pid": 4712,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{event}\n")
    };
    let started = || serde_json::json!({ "event.action": "session-started", "interlock.mode": "enforce" });
    let read = || {
        serde_json::json!({ "event.action": "secret-read", "event.kind": "alert", "interlock.mode": "enforce",
            "file.path": "/home/bob/.railway/config.json", "interlock.secret.entry": "railway-cli", "interlock.secret.class": "paas",
            "interlock.secret.grade": "A", "interlock.secret.foreign": true, "interlock.secret.owner": false, "rule.id": ["foreign-secret-read"],
            "interlock.action": "alert", "process.executable": "/usr/local/bin/deploy", "process.args": ["deploy"] })
    };
    let held = serde_json::json!({ "event.action": "flow-held", "interlock.mode": "enforce", "interlock.action": "hold",
        "destination.ip": "203.0.113.7", "destination.port": 443, "interlock.destination.class": "infra", "interlock.hold.id": "h1",
        "destination.domain": "backboard.railway.app", "interlock.destination.named_by": "server-name", "network.transport": "tcp",
        "rule.id": ["infra-after-foreign-secret"], "process.executable": "/usr/local/bin/deploy" });
    let released = serde_json::json!({ "event.action": "flow-released", "interlock.hold.id": "h1", "interlock.hold.decided_by": "uid 0" });
    let frozen = serde_json::json!({ "event.action": "session-frozen", "rule.id": ["secret-sweep"] });
    let lines = [
        event(1, "4711-0a1b2", started()),
        event(2, "4711-0a1b2", read()),
        event(3, "4800-0a1b2", started()),
        event(4, "4800-0a1b2", read()),
        event(5, "4800-0a1b2", frozen),
        event(6, "4711-0a1b2", held),
        event(7, "4711-0a1b2", released),
    ];
    let path = dir.join("record.jsonl");
    fs::write(&path, lines.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn exceptions_are_suggested_from_a_record_and_pass_the_check() {
    let dir = TempDir::new().unwrap();
    let record = record(dir.path());
    let good = interlock(&["suggest", "4711-0a1b2", "--file", &record]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    let file = dir.path().join("suggested.yaml");
    fs::write(&file, &good.stdout).unwrap();
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    let again = interlock(&["replay", &record, "--rules", file.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again));
    assert!(text(&again).contains("open /home/bob/.railway/config.json"), "{}", text(&again));

    let tripped = interlock(&["suggest", "4800", "--file", &record, "--output", "json"]);
    assert_eq!(tripped.status.code(), Some(1), "{}", text(&tripped));
    let said: serde_json::Value = serde_json::from_slice(&tripped.stdout).unwrap();
    assert_eq!(
        (&said["proposals"], &said["file"]),
        (&serde_json::json!([]), &serde_json::Value::Null),
        "{said}"
    );
    assert!(said["objections"][0].as_str().unwrap().contains("session-frozen by secret-sweep"), "{said}");

    let which = interlock(&["suggest", "--file", &record]);
    assert_eq!(which.status.code(), Some(2), "{}", text(&which));
    assert!(text(&which).contains("name one of 4711-0a1b2, 4800-0a1b2"), "{}", text(&which));
}

#[test]
fn a_suggestion_that_an_own_attack_gets_through_is_refused() {
    let dir = TempDir::new().unwrap();
    let (record, corpus) = (record(dir.path()), dir.path().join("cases.yaml"));
    let args =
        ["suggest", "4711", "--file", &record, "--corpus", corpus.to_str().unwrap(), "--output", "json"];
    let attack = |program: &str| {
        format!(
            "version: 1\ncases:\n  - name: our own incident\n    events:\n      - {{ open: ~/.railway/config.json }}\n      \
             - {{ connect: backboard.railway.app, process: {program} }}\n    expect: {{ hold: infra-after-foreign-secret }}\n"
        )
    };
    let rules = |text: &str| -> Vec<serde_json::Value> {
        fs::write(&corpus, text).unwrap();
        let output = interlock(&args);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let proposals = said["proposals"].as_array().unwrap();
        proposals.iter().map(|proposal| proposal["rule"].clone()).collect()
    };
    assert_eq!(rules(&attack("/usr/bin/python3")), ["foreign-secret-read", "infra-after-foreign-secret"]);
    assert_eq!(rules(&attack("/usr/local/bin/deploy")), ["foreign-secret-read"]);
    let refused = interlock(&args[..6]);
    assert!(text(&refused).contains("it would let attacks through: our own incident"), "{}", text(&refused));

    fs::write(&corpus, "version: 1\ncases: [{ name: a, events: [{ opne: x }] }]\n").unwrap();
    let broken = interlock(&args[..6]);
    assert_eq!(broken.status.code(), Some(2), "{}", text(&broken));
    assert!(text(&broken).contains("did you mean \"open\"?"), "{}", text(&broken));
}
