//! Sessions begin and end under the rules.

use interlock_tests::{
    agent::{Home, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::{Value, json};

fn daemon(rules: &str) -> Daemon {
    let rules = format!("version: 1\nbuiltin: replace\nrules:\n{rules}");
    Daemon::start(&Settings { rules: Some(rules), ..Settings::default() })
}

fn the_session(daemon: &Daemon) -> Value {
    wait::until("a session", || match daemon.json(&["ps"]) {
        sessions if sessions.as_array().is_some_and(|all| all.len() == 1) => Ok(sessions[0].clone()),
        sessions => Err((sessions, daemon.log())),
    })
}

#[test]
fn both_ends_of_a_session_are_alerts_and_are_judged_the_same_again() {
    if !is_root() {
        return;
    }
    let daemon = daemon(
        "  - { id: begun, summary: Begun., on: lifecycle, match: { lifecycle: started, agent: command }, action: alert, severity: high }
  - { id: over, summary: Over., on: lifecycle, match: { lifecycle: ended }, action: alert }
  - { id: old, summary: Old., on: lifecycle, match: { session: { age: { over: 1h } } }, action: alert }
",
    );
    let home = Home::new();
    let _ = home.run(&daemon, "cat readme").finish();
    let ended = daemon.the_event("session-ended");
    assert_eq!((&ended["rule.id"], &ended["event.kind"]), (&json!(["over"]), &json!("alert")), "{ended}");
    let started = daemon.the_event("session-started");
    assert_eq!(
        (&started["rule.id"], &started["interlock.severity"]),
        (&json!(["begun"]), &json!("high")),
        "{started}"
    );
    assert_eq!(started["interlock.session.recognised_by"], "run", "{started}");
    assert!(started["interlock.session.workspace"].as_str().unwrap().ends_with("/work"), "{started}");
    let why = daemon.json(&["explain", started["event.id"].as_str().unwrap()]);
    let condition = &why["rules"][0]["conditions"][0];
    assert_eq!((&condition["name"], &condition["found"]), (&json!("lifecycle"), &json!("started")), "{why}");

    let record = daemon.cli(&["record", started["interlock.session.id"].as_str().unwrap()]);
    let file = daemon.dir().join("record.jsonl");
    std::fs::write(&file, &record.stdout).unwrap();
    let rules = daemon.dir().join("rules");
    let again = daemon.cli(&["replay", file.to_str().unwrap(), "--rules", rules.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
}

#[test]
fn a_session_that_a_rule_freezes_at_its_start_runs_nothing_before_a_person_thaws_it() {
    if !is_root() {
        return;
    }
    let daemon = daemon(
        "  - { id: nobody, summary: No agents here., on: lifecycle, match: { lifecycle: started }, action: freeze }\n",
    );
    let home = Home::new();
    let mut agent = home.run(&daemon, "echo ran");
    let frozen = daemon.the_event("session-frozen");
    assert_eq!(frozen["rule.id"], json!(["nobody"]), "{frozen}");
    let session = the_session(&daemon);
    assert_eq!(session["status"], "frozen", "{session}");
    wait::throughout("frozen", std::time::Duration::from_millis(500), || match agent.output() {
        said if said.is_empty() && agent.is_running() => Ok(()),
        said => Err(said),
    });
    daemon.expect(&["thaw", session["id"].as_str().unwrap()]);
    assert!(agent.finish().contains("ran"), "{}", agent.output());
}

#[test]
fn a_sequence_that_begins_with_the_session_holds_from_its_first_connection() {
    if !is_root() {
        return;
    }
    let daemon = daemon(
        "  - id: early
    summary: An agent connects to infrastructure in its first minutes.
    on: connect
    match: { destination: infra }
    after: { within: 5m, steps: [{ id: begun, on: lifecycle, match: { lifecycle: started } }] }
    action: hold
",
    );
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{}; true", curl(&server, "")));
    let hold = daemon.the_hold();
    server.silent().unwrap();
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("ok"), "{}", agent.output());
}

#[test]
fn a_session_that_ended_while_no_daemon_ran_ends_when_one_is_back() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let home = Home::new();
    let mut agent = home.run(&daemon, "echo up; until [ -e ~/go ]; do sleep 0.05; done");
    agent.says("up");
    let session = the_session(&daemon);
    daemon.kill();
    std::fs::write(home.path().join("go"), "").unwrap();
    let _ = agent.finish();
    daemon.start_again();
    let ended = daemon.the_event("session-ended");
    assert_eq!(
        (&ended["interlock.session.id"], &ended["interlock.session.agent"]),
        (&session["id"], &json!("command")),
        "{ended}"
    );
    assert_eq!(daemon.json(&["ps"]), json!([]));
}
