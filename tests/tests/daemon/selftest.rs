//! What the daemon proves of itself at its start, and what it says where a hook does not do what it promises.

use std::{fs, path::PathBuf};

use interlock_host::probes::mounts;
use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

/// Everywhere, whatever the kernel lets attach besides.
const EVERYWHERE: [&str; 8] =
    ["lineage", "execute", "open", "connect", "sockets", "protect", "hold", "inspect"];

#[test]
fn whatever_is_in_force_was_tried_and_proven() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let enforcement = enforcement(&daemon);
    for entry in &enforcement {
        assert_eq!(entry["proven"], true, "{entry}\n{}", daemon.log());
    }
    for action in EVERYWHERE {
        assert!(enforcement.iter().any(|entry| entry["action"] == action), "{action}: {enforcement:?}");
    }
    let page = daemon.metrics();
    for entry in &enforcement {
        assert!(page.contains(&gauge(entry, 1)), "{entry}: {page}");
    }
    assert_eq!(page.matches("interlock_enforcement_proven{").count(), enforcement.len(), "{page}");
    for action in ["connect", "hold"] {
        let found = doctor(&daemon, action)["found"].clone();
        assert!(found.as_str().unwrap().contains("(proven"), "{found}");
    }
    assert!(daemon.events("enforcement-unproven").is_empty());
}

#[test]
fn the_proof_leaves_no_session_no_event_and_no_record_in_the_ledger() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    assert_eq!(daemon.json(&["ps"]), Value::Array(Vec::new()));
    // What was read late belongs to the proof as well: an agent's own life is told after it.
    let mut agent = Home::new().run(&daemon, "true");
    let _ = agent.finish();
    let ended = daemon.the_event("session-ended");
    let events = daemon.json(&["events"]);
    for event in events.as_array().unwrap() {
        assert_eq!(event["interlock.session.id"], ended["interlock.session.id"], "{event}");
    }
    let ledger = fs::read_to_string(daemon.dir().join("state/ledger.jsonl")).unwrap();
    assert!(ledger.lines().all(|line| !line.contains("4194303-")), "{ledger}");
    assert_eq!(daemon.json(&["status"])["lost"], serde_json::json!({}));
}

/// The programs are attached to a cgroup in which nobody is: they load, attach, and never run.
#[test]
fn hooks_that_never_run_are_not_claimed() {
    if !is_root() {
        return;
    }
    let empty = Cgroup::new();
    let daemon = Daemon::start(&Settings { cgroup: Some(empty.0.clone()), ..Settings::default() });
    let enforcement = enforcement(&daemon);
    let page = daemon.metrics();
    for action in ["connect", "sockets", "hold"] {
        let entry = enforcement.iter().find(|entry| entry["action"] == action).unwrap();
        assert_eq!(entry["proven"], false, "{entry}");
        assert!(entry["reason"].as_str().unwrap().contains("not proven: "), "{entry}");
        assert!(page.contains(&gauge(entry, 0)), "{page}");
        let check = doctor(&daemon, action);
        assert_eq!(check["state"], "limited", "{check}");
        assert!(check["advice"].as_str().unwrap().contains("not proven: "), "{check}");
        let alerts = daemon.events("enforcement-unproven");
        let alert = alerts.iter().find(|alert| alert["interlock.enforcement.action"] == action).unwrap();
        assert_eq!((&alert["event.kind"], &alert["interlock.severity"]), (&"alert".into(), &"high".into()));
    }
    // What does not hang on the cgroup is proven as ever.
    let lineage = enforcement.iter().find(|entry| entry["action"] == "lineage").unwrap();
    assert_eq!(lineage["proven"], true, "{lineage}");
    assert!(daemon.log().contains("what this hook promises is not claimed"), "{}", daemon.log());
}

#[test]
fn a_new_daemon_proves_among_the_sessions_of_the_old_one_and_disturbs_none() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let busy = "( while [ ! -e stop ]; do /bin/true || echo refused; done; echo quiet ) &";
    let mut agent =
        home.run(&daemon, &format!("{READ_SECRET}; {busy} {}; echo exit $?; wait", curl(&server, "")));
    let hold = daemon.the_hold();
    for _ in 0..2 {
        daemon.kill();
        daemon.start_again();
        for entry in enforcement(&daemon) {
            assert_eq!(entry["proven"], true, "{entry}");
        }
        server.silent().unwrap();
        assert_eq!(daemon.the_hold(), hold);
    }
    daemon.expect(&["approve", &hold]);
    agent.says("exit 0");
    fs::write(home.path().join("work/stop"), "").unwrap();
    let output = agent.finish();
    assert!(output.contains("quiet") && !output.contains("refused"), "{output}");
}

/// The proof of a hook forbids something. Where nothing may be forbidden, and others would be met by it, there is none.
#[test]
fn in_observe_mode_nothing_is_forbidden_to_a_session_for_the_sake_of_a_proof() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules: [{id: no, summary: s, on: open, match: {secret: {grade: [A]}}, action: deny}]\n";
    let settings = Settings { pinned: true, observe: true, rules: Some(rules.into()), ..Settings::default() };
    let (mut daemon, home) = (Daemon::start(&settings), Home::new());
    let before = backends(&daemon);
    let mut agent = home.run(
        &daemon,
        "echo begun; while [ ! -e stop ]; do true < ~/.railway/config.json || echo refused; done; echo quiet",
    );
    agent.says("begun");
    for _ in 0..2 {
        daemon.kill();
        daemon.start_again();
        assert_eq!(backends(&daemon), before, "{}", daemon.log());
        assert!(!before.is_empty());
        for entry in enforcement(&daemon) {
            let reason = entry["reason"].as_str().unwrap_or_default();
            assert!(entry["proven"] == false && reason.contains("the mode is observe"), "{entry}");
        }
    }
    fs::write(home.path().join("work/stop"), "").unwrap();
    let output = agent.finish();
    assert!(output.contains("quiet") && !output.contains("refused"), "{output}");
}

/// What serves each action.
fn backends(daemon: &Daemon) -> Vec<(Value, Value)> {
    enforcement(daemon).iter().map(|entry| (entry["action"].clone(), entry["backend"].clone())).collect()
}

fn enforcement(daemon: &Daemon) -> Vec<Value> {
    let status = daemon.json(&["status"]);
    status["enforcement"].as_array().unwrap_or_else(|| panic!("{status}")).clone()
}

fn doctor(daemon: &Daemon, action: &str) -> Value {
    let checks = daemon.json(&["doctor"]);
    let found = checks.as_array().unwrap().iter().find(|check| check["subject"] == action);
    found.unwrap_or_else(|| panic!("{checks}")).clone()
}

fn gauge(entry: &Value, value: u8) -> String {
    let word = |name: &str| entry[name].as_str().unwrap().to_owned();
    format!(
        "interlock_enforcement_proven{{action=\"{}\",backend=\"{}\"}} {value}\n",
        word("action"),
        word("backend")
    )
}

/// A cgroup of the test's own, without a process in it.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Self {
        let path = mounts::cgroup2().unwrap().join(format!("interlock-proof-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The daemon's links on it go with the daemon, which may still be on its way out.
        wait::until("the cgroup goes", || fs::remove_dir(&self.0));
    }
}
