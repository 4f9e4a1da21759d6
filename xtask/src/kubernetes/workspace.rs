//! A workspace: a Deployment of one pod whose agent reads a mounted secret and sends it.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{control::Control, images::WORKSPACE, server::until};
use crate::process;

pub const NAMESPACE: &str = "dev";

/// What every workspace needs.
///
/// # Errors
/// The API server refuses it.
pub fn prepare(control: &Control) -> Result<()> {
    let own = |kind: &str, name: &str| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": NAMESPACE } });
    control.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }))?;
    control.apply(&own("ServiceAccount", "agent"))?;
    let mut secret = own("Secret", "provider");
    secret["stringData"] = json!({ "token": "not-a-real-token" });
    control.apply(&secret)?;
    bind_roles(control)
}

/// `ann` may approve. `vic` may make decisions and not have them count. The agent's own account has every role, and is refused for
/// what it is.
fn bind_roles(control: &Control) -> Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    control.apply(&json!({ "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": { "name": "test-makes-decisions" },
        "rules": [{ "apiGroups": ["interlock.dev"], "resources": ["interlockdecisions"], "verbs": ["create", "get", "list", "watch"] }] }))?;
    for (name, role, subject) in [
        (
            "approvers",
            "interlock-approver",
            json!({ "kind": "Group", "name": "approvers", "apiGroup": rbac }),
        ),
        ("viewers", "interlock-viewer", json!({ "kind": "Group", "name": "viewers", "apiGroup": rbac })),
        ("makers", "test-makes-decisions", json!({ "kind": "User", "name": "vic", "apiGroup": rbac })),
        (
            "agents",
            "interlock-admin",
            json!({ "kind": "ServiceAccount", "name": "agent", "namespace": NAMESPACE }),
        ),
    ] {
        control.apply(&json!({ "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "metadata": { "name": name, "namespace": NAMESPACE }, "subjects": [subject],
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": role } }))?;
    }
    Ok(())
}

pub struct Workspace<'a> {
    control: &'a Control,
    pub name: String,
}

impl<'a> Workspace<'a> {
    /// # Errors
    /// The API server refuses it.
    pub fn start(control: &'a Control, name: &str) -> Result<Self> {
        let labels = json!({ "app": name });
        control.apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": {
                "metadata": { "labels": labels, "annotations": { "interlock.dev/owner": "ann" } },
                "spec": {
                    "serviceAccountName": "agent", "terminationGracePeriodSeconds": 2,
                    "containers": [{
                        "name": "agent", "image": WORKSPACE, "imagePullPolicy": "Never",
                        "command": ["/usr/local/bin/claude", name],
                        "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
                        "volumeMounts": [{ "name": "provider", "mountPath": "/run/secrets/provider", "readOnly": true }],
                    }],
                    "volumes": [{ "name": "provider", "secret": { "secretName": "provider" } }],
                },
            } },
        }))?;
        Ok(Self { control, name: name.to_owned() })
    }

    pub fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = self.control.kubectl("admin");
        command.args(["--namespace", NAMESPACE]).args(words);
        command
    }

    /// A field of its pod.
    ///
    /// # Errors
    /// There is no pod within a minute.
    pub fn pod(&self, path: &str) -> Result<String> {
        let (selector, path) = (format!("app={}", self.name), format!("jsonpath={{.items[0].{path}}}"));
        until("the workspace's pod", Duration::from_mins(1), || {
            let found = process::answer(&mut self.kubectl(&[
                "get",
                "pods",
                "--selector",
                &selector,
                "--output",
                &path,
            ]))?;
            ensure!(!found.is_empty(), "no {path} yet");
            Ok(found)
        })
    }

    /// The token that its pod was given.
    ///
    /// # Errors
    /// There is no pod.
    pub fn token(&self) -> Result<String> {
        let deployment = format!("deployment/{}", self.name);
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        process::answer(&mut self.kubectl(&["exec", &deployment, "--", "/bin/busybox", "cat", token]))
    }

    /// Waits for the hold of its agent as an object of the cluster.
    ///
    /// # Errors
    /// None comes.
    pub fn hold(&self) -> Result<Value> {
        let pod = self.pod("metadata.name")?;
        until("the hold as an object", Duration::from_secs(90), || {
            let answer = process::answer(&mut self.kubectl(&["get", "interlockholds", "--output", "json"]))?;
            let list: Value = serde_json::from_str(&answer).context("what kubectl says")?;
            let found = list["items"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|hold| hold["spec"]["pod"]["name"] == pod.as_str());
            found.cloned().with_context(|| format!("no hold of {pod} in {list}"))
        })
    }

    /// Waits for a line of the agent's.
    ///
    /// # Errors
    /// It does not come within a minute.
    pub fn says(&self, line: &str) -> Result<()> {
        let deployment = format!("deployment/{}", self.name);
        until("the agent's line", Duration::from_mins(1), || {
            let log = process::answer(&mut self.kubectl(&["logs", &deployment]))?;
            ensure!(log.lines().any(|found| found == line), "{line:?} is not in {log:?}");
            Ok(())
        })
    }

    /// Deletes it and waits until its pod is gone.
    ///
    /// # Errors
    /// It does not go.
    pub fn delete(&self) -> Result<()> {
        process::answer(&mut self.kubectl(&[
            "delete",
            "deployment",
            &self.name,
            "--cascade=foreground",
            "--timeout=90s",
        ]))
        .map(drop)
        .context("the workspace does not go")
    }
}
