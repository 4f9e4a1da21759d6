//! Decisions through a cluster: a hold of an agent in a pod is shown there, and decided by a user who may, and by nobody else.

use std::{path::PathBuf, process::Command};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    cluster::Cluster,
    daemon::{Daemon, Settings, binary, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::{Value, json};

use super::containers::{Groups, POD};

const TEAM: &str = "team-a";
const NODE: &str = "worker-1";
const AGENT: &str = "system:serviceaccount:team-a:agent";

/// A cluster whose pod `ws-ann` has the agent, and its daemon.
struct Scene {
    cluster: Cluster,
    daemon: Daemon,
    groups: Groups,
    home: Home,
    server: Server,
    files: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (cluster, files) = (Cluster::start(), tempfile::tempdir().unwrap());
        let labels = json!({ "app.kubernetes.io/name": "coder-workspace", "com.coder.user.username": "ann" });
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "uid": POD, "labels": labels },
            "spec": { "nodeName": NODE, "serviceAccountName": "agent", "containers": [] }, "status": { "phase": "Running" },
        });
        cluster.put("pods", TEAM, "ws-ann", pod);
        let access = files.path().join("daemon");
        cluster.kubeconfig(&access, "system:serviceaccount:interlock:daemon");
        let more = format!(
            "[kubernetes]\nenabled = true\nnode = \"{NODE}\"\nkubeconfig = \"{}\"\napprovers = [\"user:ben@corp.example\"]\n",
            access.display()
        );
        let daemon = Daemon::start(&Settings { more, ..Settings::default() });
        Self {
            cluster,
            daemon,
            groups: Groups::new("cluster"),
            home: Home::new(),
            server: Server::start(),
            files,
        }
    }

    /// An agent in the pod that reads a foreign secret and connects, and what it does then.
    fn agent(&self, then: &str) -> Running {
        self.home.run_unwatched(&format!(
            "echo $$ > {}; exec {} --socket {} run -- bash -c '{READ_SECRET}; {}{then}'",
            self.groups.0[0].join("cgroup.procs").display(),
            binary().display(),
            self.daemon.socket().display(),
            curl(&self.server, "").replace('\'', "'\\''"),
        ))
    }

    /// The object that waits.
    fn hold(&self) -> Value {
        wait::until("the cluster shows the hold", || {
            let holds = self.cluster.list("interlockholds");
            let waiting = holds.iter().find(|hold| hold["status"]["state"] == "Waiting").cloned();
            waiting.ok_or_else(|| (holds, self.daemon.log()))
        })
    }

    fn state(&self, name: &str) -> Value {
        self.cluster.get("interlockholds", TEAM, name).map_or(Value::Null, |hold| hold["status"].clone())
    }

    /// `kubectl interlock …` as a user.
    fn kubectl(&self, user: &str, args: &[&str]) -> (Option<i32>, String) {
        let file: PathBuf = self.files.path().join("kubeconfig");
        self.cluster.kubeconfig(&file, user);
        let output =
            Command::new(binary()).arg("kubectl").args(args).arg("--kubeconfig").arg(file).output().unwrap();
        (output.status.code(), text(&output))
    }

    /// An answer to a decision in that name, whatever an admission policy would have said.
    fn answer_to(&self, hold: &Value, user: &str, change: impl FnOnce(&mut Value)) -> Value {
        let name =
            format!("{}-by-{}", hold["metadata"]["name"].as_str().unwrap(), user.replace([':', '@'], "-"));
        let mut spec = json!({
            "hold": hold["metadata"]["name"], "holdUid": hold["metadata"]["uid"], "node": NODE, "verdict": "Approve",
            "evidence": hold["spec"]["evidence"], "user": user, "groups": ["system:authenticated"],
        });
        change(&mut spec);
        let decision = json!({ "apiVersion": "interlock.dev/v1alpha1", "kind": "InterlockDecision", "metadata": {}, "spec": spec });
        self.cluster.put("interlockdecisions", TEAM, &name, decision);
        wait::until("the decision is answered", || {
            let status = self.cluster.get("interlockdecisions", TEAM, &name).unwrap()["status"].clone();
            if status.is_null() { Err(self.daemon.log()) } else { Ok(status) }
        })
    }
}

#[test]
fn a_user_who_may_approves_through_the_cluster_and_the_ledger_names_them() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    let mut agent = scene.agent("");
    let hold = scene.hold();
    let name = hold["metadata"]["name"].as_str().unwrap().to_owned();
    assert_eq!(hold["spec"]["pod"], json!({ "name": "ws-ann", "uid": POD, "serviceAccount": "agent" }));
    assert_eq!(hold["metadata"]["ownerReferences"][0]["uid"], POD);
    let evidence = hold["spec"]["evidence"].as_str().unwrap().to_owned();
    let events = wait::until("an event of the pod", || {
        let events = scene.cluster.list("events");
        if events.is_empty() { Err(scene.daemon.log()) } else { Ok(events) }
    });
    assert_eq!(
        (&events[0]["reason"], &events[0]["regarding"]["name"]),
        (&"ActionHeld".into(), &"ws-ann".into())
    );

    let (code, said) = scene.kubectl("ben@corp.example", &["approve", &name]);
    assert_eq!(
        (code, said.contains("--evidence")),
        (Some(2), true),
        "who has seen nothing approves nothing: {said}"
    );
    let args = ["approve", &name, "--evidence", &evidence, "--reason", "OPS-7"];
    let (code, said) = scene.kubectl("ben@corp.example", &args);
    assert_eq!((code, said.contains("released")), (Some(0), true), "{said} {}", scene.daemon.log());
    scene.server.arrives(1);
    let _ = agent.finish();
    let records = scene.daemon.records("approve");
    let who = &records[0]["who"]["kubernetes"];
    assert_eq!(
        (&who["user"], &who["uid"]),
        (&"ben@corp.example".into(), &"uid-of-ben@corp.example".into()),
        "{records:?}"
    );
    assert_eq!(records[0]["detail"]["reason"], "OPS-7");
    let released = scene.daemon.the_event("flow-released");
    assert_eq!(released["interlock.hold.decided_by"], "kubernetes user ben@corp.example", "{released}");
    wait::until("the cluster shows the end", || {
        let state = scene.state(&name);
        if state["state"] == "Approved" && state["decidedBy"] == "kubernetes user ben@corp.example" {
            Ok(())
        } else {
            Err(state)
        }
    });
    let (code, said) = scene.kubectl("ben@corp.example", &args);
    assert_eq!(
        (code, said.contains("was approved by kubernetes user ben@corp.example")),
        (Some(1), true),
        "{said}"
    );
}

#[test]
fn neither_the_agents_own_service_account_nor_anybody_without_a_role_decides() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    let _agent = scene.agent("");
    let hold = scene.hold();
    for (user, groups, answer, why) in [
        (AGENT, "system:serviceaccounts", "NotPermitted", "the service account of the agent's own pod"),
        (AGENT, "system:authenticated", "NotPermitted", "the service account of the agent's own pod"),
        ("system:serviceaccount:ops:bot", "system:serviceaccounts", "NotPermitted", "a person decides"),
        ("system:node:worker-1", "system:nodes", "NotPermitted", "a person decides"),
        ("ann@corp.example", "dev", "NotPermitted", "kubernetes user ann@corp.example may not approve"),
    ] {
        let status = scene.answer_to(&hold, user, |spec| spec["groups"] = json!([groups]));
        assert_eq!(status["answer"], answer, "{user}: {status}");
        assert!(status["message"].as_str().unwrap().contains(why), "{user}: {status}");
    }
    let old = scene.answer_to(&hold, "ben@corp.example", |spec| spec["evidence"] = "0123456789abcdef".into());
    assert_eq!(old["answer"], "TooLate", "{old}");
    // A policy that is not installed makes everybody anybody.
    scene.cluster.uninstall_policy();
    let unproven = scene.answer_to(&hold, "ben@corp.example", |spec| spec["reason"] = "again".into());
    assert_eq!(unproven["answer"], "Unproven", "{unproven}");

    let attempts = scene.daemon.events("attempt-refused");
    let of =
        |user: &str| attempts.iter().find(|event| event["interlock.attempt.cluster_user"] == user).cloned();
    let own = of(AGENT).unwrap();
    assert_eq!(
        (&own["interlock.severity"], &own["interlock.attempt.request"]),
        (&"high".into(), &"approve".into())
    );
    assert!(own["interlock.session.id"].is_string() && of("ann@corp.example").is_some(), "{attempts:?}");
    assert_eq!(scene.state(hold["metadata"]["name"].as_str().unwrap())["state"], "Waiting");
    assert!(scene.daemon.records("approve").is_empty());
    assert!(
        scene
            .daemon
            .metrics()
            .contains("interlock_kubernetes_decisions_total{answer=\"not-permitted\",verdict=\"approve\"}")
    );
}

#[test]
fn while_the_cluster_is_away_holds_are_decided_on_the_node_and_told_when_it_is_back() {
    if !is_root() {
        return;
    }
    let scene = Scene::new();
    let _agent = scene.agent("; sleep 60");
    let hold = scene.hold();
    let name = hold["metadata"]["name"].as_str().unwrap();
    scene.cluster.go_away(true);
    let id = scene.daemon.the_hold();
    scene.daemon.expect(&["deny", &id, "--reason", "not mine"]);
    assert_eq!(scene.state(name)["state"], "Waiting", "nobody could be told");
    scene.cluster.go_away(false);
    wait::until("the cluster is told", || {
        let state = scene.state(name);
        if state["state"] == "Denied" && state["reason"] == "not mine" {
            Ok(())
        } else {
            Err((state, scene.daemon.log()))
        }
    });
    wait::until("what failed is counted", || {
        let metrics = scene.daemon.metrics();
        if metrics.contains("interlock_kubernetes_hold_requests_failed_total 0\n") {
            Err(metrics)
        } else {
            Ok(())
        }
    });
}
