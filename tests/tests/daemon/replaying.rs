//! Real sessions, recorded and judged again; and what only the daemon sees gates a session like what the kernel sees.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};

/// A script goes on when the test has seen what it did.
const WAITS: &str = "until [ -e ~/go ]; do sleep 0.05; done";

fn go(home: &Home) {
    fs::write(home.path().join("go"), "").unwrap();
}

/// Records the only session of `daemon` into a file.
fn record(daemon: &Daemon, session: &str) -> PathBuf {
    let output = daemon.cli(&["record", session]);
    assert!(output.status.success(), "{}", text(&output));
    let file = daemon.dir().join("record.jsonl");
    fs::write(&file, &output.stdout).unwrap();
    file
}

#[test]
fn a_recorded_session_is_decided_the_same_again_and_otherwise_by_other_rules() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent = home.run(
        &daemon,
        &format!("cat readme; printenv HOME; {READ_SECRET}; {}; {}; echo TOKEN=hush1234 > /dev/null; bash -c 'exec true --token hush1234'",
            curl(&server, "-H 'Authorization: Bearer hush1234'"), curl(&server, "--max-time 9")),
    );
    let hold = daemon.the_hold();
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["approve", &hold, "--for", "1m"]);
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    let file = record(&daemon, &session);
    let file = file.to_str().unwrap();

    let written = fs::read_to_string(file).unwrap();
    assert!(written.contains(".railway/config.json"), "{written}");
    assert!(!written.contains("hush1234") && !written.contains("not-real"), "{written}");

    let again = daemon.cli(&["replay", file, "--output", "json"]);
    let said = text(&again);
    assert_eq!(again.status.code(), Some(0), "{said}");
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(again["judged"].as_u64().unwrap() >= 3, "{again}");
    assert_eq!(again["changes"], serde_json::json!([]), "{again}");

    let other = daemon.dir().join("other.yaml");
    fs::write(&other, "version: 1\noverride: [{ id: infra-after-foreign-secret, action: alert }]\n").unwrap();
    let otherwise = daemon.cli(&["replay", file, "--rules", other.to_str().unwrap()]);
    let said = text(&otherwise);
    assert_eq!(otherwise.status.code(), Some(1), "{said}");
    assert!(said.contains("hold by infra-after-foreign-secret"), "{said}");
    assert!(said.contains("alert infra-after-foreign-secret"), "{said}");

    let same = daemon.cli(&[
        "replay",
        file,
        "--rules",
        other.to_str().unwrap(),
        "--against",
        other.to_str().unwrap(),
    ]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
}

/// The owner tool opens its own store, which is no touch; but it prints the credential for whoever asked.
#[test]
fn a_connection_after_a_printed_credential_is_held() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let tool = home.path().join("other/gh");
    fs::write(&tool, "#!/bin/sh\necho not-real\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!("PATH=$HOME/other:$PATH; gh auth token; {WAITS}; {}; true", curl(&server, ""));
    let _agent = home.run(&daemon, &script);
    let read = daemon.the_event("secret-read");
    assert_eq!(read["file.path"], "output of gh", "{read}");
    go(&home);
    let hold = daemon.the_hold();
    server.silent().unwrap();
    let held = daemon.the_event("flow-held");
    assert_eq!(held["rule.id"], serde_json::json!(["infra-after-foreign-secret"]), "{held}");
    daemon.expect(&["deny", &hold]);
}

#[test]
fn a_connection_after_a_look_at_another_environment_is_held() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let other = std::process::id();
    let script = format!("cat /proc/{other}/environ > /dev/null; {WAITS}; {}; true", curl(&server, ""));
    let _agent = home.run(&daemon, &script);
    wait::until("the environment was seen", || {
        let seen = daemon.events("environment-read");
        if seen.iter().any(|event| event["interlock.environment.own"] == false) {
            Ok(())
        } else {
            Err(daemon.json(&["events"]))
        }
    });
    go(&home);
    let hold = daemon.the_hold();
    server.silent().unwrap();
    let held = daemon.the_event("flow-held");
    assert_eq!(held["rule.id"], serde_json::json!(["infra-after-other-environment"]), "{held}");
    daemon.expect(&["deny", &hold]);
}
