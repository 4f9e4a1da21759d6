//! What a cluster says of a session's pod, by an API server of the test's own and a cgroup as a kubelet makes it.

use std::fs;

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings, text},
    is_root, wait,
};
use serde_json::{Value, json};

use super::containers::{Groups, POD, begin};
use crate::api_server::Api;

/// Settings of a node whose API is `api`; `more` are further keys of `[kubernetes]`.
fn node(api: &Api, dir: &tempfile::TempDir, more: &str) -> Settings {
    let file = dir.path().join("kubeconfig");
    api.kubeconfig(&file);
    let more = format!(
        "[kubernetes]\nenabled = true\nnode = \"worker-1\"\nkubeconfig = \"{}\"\n{more}",
        file.display()
    );
    Settings { pinned: true, more, ..Settings::default() }
}

fn put_workspace(api: &Api, more: &Value) {
    let mut metadata = json!({
        "labels": { "app.kubernetes.io/name": "coder-workspace", "pod-template-hash": "7d4b9c" },
        "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "coder-ann-7d4b9c", "uid": "2", "controller": true }] });
    for (key, value) in more.as_object().into_iter().flatten() {
        metadata["labels"][key] = value.clone();
    }
    api.put(
        "coder-ann-7d4b9c-x2x",
        POD,
        &metadata,
        &json!({ "nodeName": "worker-1", "serviceAccountName": "workspaces" }),
    );
}

/// Waits until `interlock doctor` says that of the pods.
fn doctor_says(daemon: &Daemon, what: &str) {
    wait::until("the doctor says so", || {
        let said = text(&daemon.cli(&["doctor"]));
        if said.contains(what) { Ok(()) } else { Err((said, daemon.log())) }
    });
}

fn check(event: &Value, fields: &[(&str, &str)]) {
    for (field, expected) in fields {
        assert_eq!(event[*field], *expected, "{field}: {event}");
    }
}

const PLACE: [(&str, &str); 6] = [
    ("orchestrator.type", "kubernetes"),
    ("orchestrator.namespace", "dev"),
    ("orchestrator.resource.name", "coder-ann-7d4b9c-x2x"),
    ("orchestrator.resource.id", POD),
    ("interlock.pod.workload", "Deployment/coder-ann"),
    ("interlock.pod.service_account", "workspaces"),
];

#[test]
fn a_session_is_attributed_to_its_pod_workload_and_owner_and_stays_so_after_a_restart() {
    if !is_root() {
        return;
    }
    let (api, dir) = (Api::start(), tempfile::tempdir().unwrap());
    put_workspace(&api, &json!({ "com.coder.user.username": "ann" }));
    let (groups, home) = (Groups::new("pods"), Home::new());
    let mut daemon = Daemon::start(&node(&api, &dir, ""));
    doctor_says(&daemon, "1 pods of worker-1 are known");
    let mut agent = begin(&groups, &home, &daemon);
    let started = daemon.the_event("session-started");
    check(&started, &PLACE);
    check(
        &started,
        &[
            ("interlock.pod.owner", "ann"),
            ("interlock.pod.owner_by", "coder"),
            ("interlock.pod.owner_trust", "template"),
        ],
    );
    let records = daemon.records("session");
    let record = records.iter().map(Value::to_string).find(|record| record.contains(POD)).unwrap();
    for word in ["dev", "coder-ann-7d4b9c-x2x", "Deployment/coder-ann", "workspaces", "\"ann\""] {
        assert!(record.contains(word), "{word}: {record}");
    }

    daemon.kill();
    api.go_away(true);
    daemon.start_again();
    let sessions = daemon.json(&["ps"]);
    let pod = &sessions[0]["pod"];
    assert_eq!((&pod["namespace"], &pod["owner"]["name"]), (&"dev".into(), &"ann".into()), "{sessions}");
    doctor_says(&daemon, "the API is away");
    assert!(daemon.metrics().contains("interlock_kubernetes_connected 0"));

    let session = sessions[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["kill", &session]);
    let _ = agent.finish();
}

#[test]
fn a_session_that_began_while_the_api_was_away_is_completed_and_a_warm_pod_gets_its_owner_later() {
    if !is_root() {
        return;
    }
    let (api, dir) = (Api::start(), tempfile::tempdir().unwrap());
    api.go_away(true);
    let (groups, home) = (Groups::new("late-pods"), Home::new());
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: in-prod, summary: s, on: lifecycle, match: {lifecycle: ended, pod: {namespace: prod}}, action: alert}\n  - {id: in-dev, summary: s, on: lifecycle, match: {lifecycle: ended, pod: {namespace: 'd*', labels: app.kubernetes.io/name=coder-workspace, service_account: workspaces}}, action: alert}\n";
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), ..node(&api, &dir, "") });
    let mut agent = begin(&groups, &home, &daemon);
    let started = daemon.the_event("session-started");
    check(&started, &[("orchestrator.resource.id", POD)]);
    assert_eq!(started["orchestrator.namespace"], Value::Null, "{started}");

    put_workspace(&api, &json!({}));
    api.go_away(false);
    check(&daemon.the_event("session-attributed"), &PLACE);
    put_workspace(&api, &json!({ "com.coder.user.username": "ann" }));
    let owned = wait::until("the owner is known", || {
        let events = daemon.events("session-attributed");
        events.iter().find(|event| event["interlock.pod.owner"] == "ann").cloned().ok_or(events)
    });
    check(&owned, &PLACE);
    assert!(daemon.records("pod").iter().any(|record| record.to_string().contains("\"ann\"")));
    let sessions = daemon.json(&["ps"]);
    assert_eq!(sessions[0]["pod"]["owner"]["trust"], "template", "{sessions}");

    let session = sessions[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["kill", &session]);
    let _ = agent.finish();
    let ended = daemon.the_event("session-ended");
    assert_eq!(
        ended["rule.id"],
        json!(["in-dev"]),
        "a rule by namespace, label and service account: {ended}"
    );
}

#[test]
fn what_is_not_watched_is_told() {
    if !is_root() {
        return;
    }
    let (api, dir) = (Api::start(), tempfile::tempdir().unwrap());
    put_workspace(&api, &json!({}));
    api.class("sandboxed", "runsc");
    api.put(
        "boxed",
        "9e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718",
        &json!({ "namespace": "prod" }),
        &json!({ "runtimeClassName": "sandboxed" }),
    );
    let (groups, home) = (Groups::new("other-pods"), Home::new());
    let daemon = Daemon::start(&node(&api, &dir, "namespaces = [\"prod\"]\n"));
    let unwatched = daemon.the_event("pod-unwatched");
    check(
        &unwatched,
        &[
            ("interlock.reason", "gvisor"),
            ("orchestrator.resource.name", "boxed"),
            ("interlock.pod.runtime_class", "sandboxed"),
        ],
    );
    doctor_says(&daemon, "1 of them cannot be watched");

    let program = home.path().join("bin/claude");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(fs::canonicalize("/usr/bin/sleep").unwrap(), &program).unwrap();
    let script = format!("echo $$ > {}/cgroup.procs; exec {} 60", groups.0[0].display(), program.display());
    let mut agent = home.run_unwatched(&script);
    let outside = daemon.the_event("agent-outside");
    check(&outside, &[("orchestrator.namespace", "dev"), ("interlock.session.agent", "claude-code")]);
    assert_eq!(daemon.json(&["ps"]), json!([]), "nobody acts on it");
    let metrics = daemon.metrics();
    for line in [
        "interlock_kubernetes_pods_unwatched{reason=\"gvisor\"} 1",
        "interlock_kubernetes_agents_outside_total 1",
        "interlock_kubernetes_pods 2",
        "interlock_kubernetes_connected 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(agent.group()).unwrap()).unwrap();
    rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).unwrap();
    let _ = agent.finish();
}
