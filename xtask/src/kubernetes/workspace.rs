//! A workspace: a Deployment of one pod whose agent reads a mounted secret and sends it.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

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
    control.apply(&secret)
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
            let found = process::answer(&mut self.kubectl(&["get", "pods", "--selector", &selector, "--output", &path]))?;
            ensure!(!found.is_empty(), "no {path} yet");
            Ok(found)
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
        process::answer(&mut self.kubectl(&["delete", "deployment", &self.name, "--cascade=foreground", "--timeout=90s"]))
            .map(drop)
            .context("the workspace does not go")
    }
}
