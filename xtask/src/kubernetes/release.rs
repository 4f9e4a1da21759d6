//! The chart as Helm installs it on the node, and what is asked of the daemon in its pod.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    control::Control,
    ground::{self, Ground},
    images::INTERLOCK,
    programs::Programs,
    server::until,
};
use crate::{process, repository::Repository};

pub const NAMESPACE: &str = "interlock";
pub const NAME: &str = "interlock";
/// Holds whatever an agent sends after it has read a secret of its pod: the receiver of the test is no infrastructure.
const RULES: &str = "version: 1
rules:
  - id: node-test
    summary: An agent of the test read a secret of its pod and now connects.
    on: connect
    match: { destination: any, touched: { grade: A, foreign: true, within: 30m } }
    action: hold
    timeout: { after: 20m, then: freeze }
    severity: critical
";

pub struct Release<'a> {
    control: &'a Control,
    helm: PathBuf,
    chart: PathBuf,
    values: PathBuf,
}

impl<'a> Release<'a> {
    /// Writes the values of the test.
    ///
    /// # Errors
    /// The version cannot be read.
    pub fn new(
        repository: &Repository,
        programs: &Programs,
        control: &'a Control,
        place: &std::path::Path,
    ) -> Result<Self> {
        let values = place.join("values.json");
        let kept = place.join("state");
        let version = crate::package::build::Identity::of(repository, 1)?.version;
        let content = json!({
            "image": { "repository": INTERLOCK, "tag": version, "pullPolicy": "Never" },
            "pauseImage": super::node::PAUSE,
            "host": { "state": kept, "pins": "/sys/fs/bpf/interlock", "cgroup": ground::unified()? },
            // Nobody else's agents on this machine: containers' watchers are this process's children.
            "config": format!("package_managers = \"never\"\nunattended = \"never\"\nwatch_below = {}\n", Ground::ancestor().context("no parent")?),
            "kubernetes": { "approvers": "rbac", "admins": "rbac" },
            "rules": { "10-test.yaml": RULES },
        });
        fs::write(&values, content.to_string())?;
        let chart = repository.root().join("packaging/kubernetes/chart");
        Ok(Self { control, helm: programs.built("helm"), chart, values })
    }

    fn helm(&self, words: &[&str]) -> Command {
        let mut helm = Command::new(&self.helm);
        helm.env("KUBECONFIG", self.control.kubeconfig("admin")).env("HOME", "/run/helm");
        helm.args(["--namespace", NAMESPACE]).args(words);
        helm
    }

    /// Installs or upgrades it, and waits until every pod of it is ready.
    ///
    /// # Errors
    /// Helm fails, or the pod is not ready in time; its state and log are part of the error.
    pub fn roll_out(&self, more: &[&str]) -> Result<()> {
        let mut helm = self.helm(&["upgrade", "--install", NAME]);
        process::answer(helm.arg(&self.chart).arg("--values").arg(&self.values).args(more))?;
        self.wait()
    }

    /// What the API server says to every object of the chart, without keeping one.
    ///
    /// # Errors
    /// It refuses one.
    pub fn dry_run(&self) -> Result<()> {
        let mut helm = self.helm(&["template", NAME]);
        let rendered = process::answer(helm.arg(&self.chart).arg("--values").arg(&self.values))?;
        let file = self.values.with_extension("yaml");
        // Its own log, which a captured answer has too, is no YAML.
        let from = rendered.find("---\n").unwrap_or_default();
        fs::write(&file, &rendered[from..])?;
        let mut apply = self.kubectl(&["apply", "--server-side", "--dry-run=server", "--filename"]);
        process::answer(apply.arg(&file)).map(drop)
    }

    /// # Errors
    /// As [`Self::roll_out`].
    pub fn wait(&self) -> Result<()> {
        let mut command = self.kubectl(&["rollout", "status", "daemonset/interlock", "--timeout=180s"]);
        process::answer(&mut command).map(drop).map_err(|error| error.context(self.state()))
    }

    pub fn uninstall(&self) -> Result<()> {
        process::answer(&mut self.helm(&["uninstall", NAME, "--wait"])).map(drop)
    }

    pub fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = self.control.kubectl("admin");
        command.args(["--namespace", NAMESPACE]).args(words);
        command
    }

    /// What the program says in the daemon's pod.
    ///
    /// # Errors
    /// It fails, or there is no pod.
    pub fn interlock(&self, words: &[&str]) -> Result<String> {
        let mut command = self.kubectl(&["exec", "daemonset/interlock", "--", "interlock"]);
        process::answer(command.args(words))
    }

    /// A field of the daemon's pod.
    ///
    /// # Errors
    /// There is none.
    pub fn pod(&self, path: &str) -> Result<String> {
        let output = format!("jsonpath={{.items[0].{path}}}");
        let selector = "app.kubernetes.io/name=interlock";
        process::answer(&mut self.kubectl(&["get", "pods", "--selector", selector, "--output", &output]))
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// As [`Self::interlock`].
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.interlock(&[words, &["--output", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// Waits for a hold of the agent that sends to `path`; returns it.
    ///
    /// # Errors
    /// None comes.
    pub fn hold(&self, pod: &str) -> Result<Value> {
        until("a hold", Duration::from_secs(90), || {
            let holds = self.json(&["holds"])?;
            let found = holds.as_array().into_iter().flatten().find(|hold| hold.to_string().contains(pod));
            found.cloned().with_context(|| format!("no hold of {pod} in {holds}"))
        })
    }

    /// # Errors
    /// It does not answer, or does not enforce.
    pub fn status(&self) -> Result<()> {
        let status = self.json(&["status"])?;
        ensure!(status["mode"] == "enforce", "{status}");
        Ok(())
    }

    fn state(&self) -> String {
        let ask = |words: &[&str]| {
            process::answer(&mut self.kubectl(words)).unwrap_or_else(|error| error.to_string())
        };
        format!(
            "{}\n{}",
            ask(&["describe", "pods", "--selector", "app.kubernetes.io/name=interlock"]),
            ask(&["logs", "daemonset/interlock", "--tail=30", "--all-containers"]),
        )
    }
}

/// The namespace, with the level that the pod needs.
///
/// # Errors
/// The API server refuses it.
pub fn prepare(control: &Control) -> Result<()> {
    control.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE,
        "labels": { "pod-security.kubernetes.io/enforce": "privileged" } } }))
}

/// # Errors
/// The API server refuses an object.
pub fn apply_base(repository: &Repository, control: &Control) -> Result<()> {
    let mut apply = control.kubectl("admin");
    apply.args(["apply", "--server-side", "--force-conflicts", "--kustomize"]);
    process::answer(apply.arg(repository.root().join("packaging/kubernetes/base"))).map(drop)
}
