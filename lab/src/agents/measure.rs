//! What is kept of an agent's runs: facts, without a word of what is expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{Exchange, Protocol, Script};
use crate::{
    measure::{REGISTRY, is_registry},
    sandbox::{HOME, Seen},
};

/// What is known of an agent since it was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub id: String,
    pub package: String,
    pub version: String,
    pub registry: String,
    /// `start`, `calm`, `incident`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<String, Run>,
    /// What its commands had in their environment that it had not: `NAME=VALUE`, with `…` for a value that varies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// Why there is nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `None` where it had to be ended.
    pub exit: Option<i32>,
    pub sessions: Vec<Session>,
    /// By rule and object; an alert that no rule made has its event's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<String, u64>,
    /// What was held, refused, frozen: event and object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<String, u64>,
    /// How the model was asked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub protocols: BTreeSet<Protocol>,
    /// Tools that were offered to the model, where none of them ran a command.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tools: BTreeSet<String>,
    /// Commands that it ran: the results that came back.
    #[serde(default)]
    pub commands: usize,
    /// Names that were asked for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// Foreign secrets that were seen read: `path by program`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read: BTreeSet<String>,
    /// Where data was held back: connections, and how many of them brought a byte to the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub target: BTreeMap<String, Target>,
    /// The end of what it printed, where its model was not asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// What a server saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub connections: usize,
    pub with_data: usize,
}

/// A session that began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub agent: String,
    /// `executable claude`, `environment CODEX_CI`
    pub by: String,
    pub executable: String,
    pub args: Vec<String>,
    /// What the root called itself when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
}

/// Events that tell what a session did, whatever the rules said of it.
const TOLD: [&str; 16] = [
    "session-started",
    "session-ended",
    "secret-read",
    "secret-probe",
    "secret-link",
    "connect",
    "flow-passed",
    "exec",
    "environment-read",
    "inspect",
    "delegate",
    "socket-odd",
    "tamper",
    "mount",
    "unseen-open",
    "guard",
];
/// Arguments that are kept; a task may be long.
const ARGS: usize = 6;
const WIDTH: usize = 160;

impl Run {
    /// Counts one event in. Whatever is not known to be harmless counts as stopped.
    pub fn add(&mut self, event: &Value) {
        let times = event.get("interlock.count").and_then(Value::as_u64).unwrap_or(1);
        let name = text(event, "event.action");
        if name == "session-started" {
            self.sessions.push(session(event));
        }
        if event.get("interlock.secret.foreign") == Some(&Value::Bool(true)) && name == "secret-read" {
            self.read.insert(format!(
                "{} by {}",
                in_home(text(event, "file.path")),
                base(text(event, "process.executable"))
            ));
        }
        let what = format!("{name} {}", object(event));
        if is_stop(event) {
            *self.stopped.entry(what.trim_end().to_owned()).or_default() += times;
        } else if text(event, "event.kind") == "alert" {
            let rules = event.get("rule.id").and_then(Value::as_array).into_iter().flatten();
            let rules: Vec<&str> = rules.filter_map(Value::as_str).collect();
            let by = if rules.is_empty() { name.to_owned() } else { rules.join("+") };
            let line = format!("{by}: {} by {}", object(event), base(text(event, "process.executable")));
            *self.alerts.entry(line).or_default() += times;
        }
    }

    /// What the sandbox saw.
    pub fn finish(&mut self, seen: &Seen, script: &Script, targets: &[&str]) {
        let tool = script.tool.as_str();
        self.exit = seen.exit;
        self.protocols = seen.exchanges.iter().map(|exchange| exchange.protocol).collect();
        self.commands = seen.exchanges.iter().map(|exchange| exchange.results).max().unwrap_or_default();
        let offers =
            |exchange: &Exchange| tool.is_empty() || exchange.tools.iter().any(|offered| offered == tool);
        if !seen.exchanges.iter().any(offers) {
            self.tools = seen.exchanges.iter().flat_map(|exchange| exchange.tools.clone()).collect();
        }
        if seen.exchanges.is_empty() {
            let lines: Vec<&str> = seen.output.lines().filter(|line| !line.trim().is_empty()).collect();
            let end = lines.split_at(lines.len().saturating_sub(3)).1.join(" / ");
            self.output = cut(&end, 400);
        }
        let is_own = |name: &&String| name.contains('.') && !targets.contains(&name.as_str());
        self.hosts = seen.names.keys().filter(is_own).map(|name| shown(name)).collect();
        for target in targets {
            let arrived = || seen.arrived.iter().filter(|arrived| arrived.host == *target);
            let found = Target {
                connections: arrived().count(),
                with_data: arrived().filter(|arrived| arrived.data).count(),
            };
            if found.connections > 0 {
                self.target.insert((*target).to_owned(), found);
            }
        }
        // Without a tool there are no results; that its last command asked somebody shows that all of them ran.
        if tool.is_empty() && !self.target.is_empty() {
            self.commands = script.commands.len();
        }
    }
}

/// What a command has that the agent had not, from a process's environment as the kernel shows it.
#[must_use]
pub fn variables(environment: &[u8], had: &BTreeMap<String, String>) -> Vec<String> {
    const SHELLS: [&str; 6] = ["PWD", "OLDPWD", "SHLVL", "_", "SHELL", "PATH"];
    let text = String::from_utf8_lossy(environment);
    let pairs = text.split('\0').filter_map(|variable| variable.split_once('='));
    let new =
        pairs.filter(|(name, value)| !SHELLS.contains(name) && had.get(*name).is_none_or(|had| had != value));
    let mut shown: Vec<String> = new.map(|(name, value)| format!("{name}={}", steady(name, value))).collect();
    shown.sort();
    shown.dedup();
    shown
}

/// A value that is the same in every run.
fn steady<'v>(name: &str, value: &'v str) -> &'v str {
    let is_name = ["AI_AGENT", "AGENT"].contains(&name) && value.len() < 60;
    let digits = value.chars().filter(char::is_ascii_digit).count();
    if is_name || (value.len() <= 20 && digits <= 1 && !value.contains('/')) { value } else { "…" }
}

fn session(event: &Value) -> Session {
    let args = event.get("process.args").and_then(Value::as_array).into_iter().flatten();
    Session {
        agent: text(event, "interlock.session.agent").to_owned(),
        by: text(event, "interlock.session.recognised_by").to_owned(),
        executable: in_home(text(event, "process.executable")),
        args: args.filter_map(Value::as_str).take(ARGS).map(|arg| cut(&in_home(arg), WIDTH)).collect(),
        comm: None,
    }
}

fn is_stop(event: &Value) -> bool {
    if !TOLD.contains(&text(event, "event.action")) || event.get("interlock.degraded").is_some() {
        return true;
    }
    event.get("interlock.action").is_some_and(|action| !matches!(action.as_str(), Some("allow" | "alert")))
}

fn object(event: &Value) -> String {
    let fields =
        ["file.path", "destination.domain", "destination.ip", "interlock.delegate.service", "file.name"];
    let found = fields.iter().map(|field| text(event, field)).find(|text| !text.is_empty());
    in_home(found.unwrap_or_default())
}

/// Which registry is asked does not matter.
fn shown(host: &str) -> String {
    if is_registry(host) { REGISTRY.to_owned() } else { host.to_owned() }
}

fn in_home(path: &str) -> String {
    path.replace(HOME, "~")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn cut(text: &str, width: usize) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    match line.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn text<'e>(event: &'e Value, field: &str) -> &'e str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
