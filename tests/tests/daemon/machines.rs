//! What leaves the daemon for machines: without credentials, in one vocabulary, and nothing from files that others may write.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings, binary, text},
    is_root, wait,
};
use serde_json::json;

/// Obviously of nobody.
const SECRET: &str = "hunter2-not-real-at-all";

/// Asks for a part of it: what decides sees the original.
const RULES: &str = "version: 1\nbuiltin: replace\nrules:\n  - { id: ran, summary: Ran., on: exec, match: { process: { executable: [sleep], \
    argv: '*hunter2-not-*' } }, action: alert, severity: high }\n";

#[test]
fn a_credential_in_a_command_line_decides_and_is_written_nowhere() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { rules: Some(RULES.to_owned()), ..Settings::default() });
    let home = Home::new();
    let script = format!("sleep --token={SECRET} https://ann:{SECRET}@x.example 2>&1; sleep 300");
    let mut agent = home.run(&daemon, &script);
    let event = daemon.the_event("exec");
    assert_eq!((&event["rule.id"], &event["rule.name"]), (&json!(["ran"]), &json!("ran")), "{event}");
    assert_eq!(
        (&event["event.severity"], &event["interlock.severity"]),
        (&json!(73), &json!("high")),
        "{event}"
    );
    assert_eq!(event["event.category"], json!(["process"]), "{event}");
    assert!(event["process.entity_id"].is_string() && event["host.boot.id"].is_string(), "{event}");
    assert!(event["process.args"].to_string().contains('…'), "{event}");
    let id = event["event.id"].as_str().unwrap().to_owned();
    let session = event["interlock.session.id"].as_str().unwrap().to_owned();
    for args in
        [&["explain", id.as_str()][..], &["ps"], &["events"], &["record", session.as_str()], &["status"]]
    {
        let said = text(
            &daemon.cli(&[args, if args[0] == "record" { &[] } else { &["--output", "json"] }].concat()),
        );
        assert!(!said.contains(SECRET), "{args:?}: {said}");
    }
    daemon.expect(&["kill", &session, "--yes"]);
    let _ = agent.finish();
    wait::until("no session", || match daemon.json(&["ps"]) {
        sessions if sessions == json!([]) => Ok(()),
        sessions => Err(sessions),
    });
    let killed = daemon.the_event("session-killed");
    assert_eq!(killed["event.type"], json!(["end"]), "{killed}");
    let killed = daemon.records("kill");
    assert_eq!(killed.len(), 1, "{killed:?}");
    daemon.stop();
    for entry in fs::read_dir(daemon.dir().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let written = fs::read(&path).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&written).contains(SECRET), "{}", path.display());
    }
    assert!(!daemon.log().contains(SECRET), "{}", daemon.log());
}

#[test]
fn rules_that_others_may_write_are_refused_at_the_start_and_at_a_reload() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { rules: Some(RULES.to_owned()), ..Settings::default() });
    let rules = daemon.dir().join("rules");
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = daemon.cli(&["rules", "reload"]);
    assert!(!refused.status.success(), "{}", text(&refused));
    let why = "may be written to by others (mode 777)";
    assert!(text(&refused).contains(why), "{}", text(&refused));

    daemon.stop();
    let config = daemon.dir().join("config.toml");
    let start = || Command::new(binary()).arg("--config").arg(&config).arg("daemon").output().unwrap();
    let refused = start();
    assert!(!refused.status.success() && text(&refused).contains(why), "{}", text(&refused));
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o755)).unwrap();
    daemon.start_again();
}
