//! What the daemon says of itself.

use std::time::Duration;

use serde_json::Value;

use super::part::Part;
use crate::{
    archive::Question,
    cli::{global::Global, past, printer::Printer, wait::wait},
    control::client::{Client, ClientError},
};

/// What is asked beside the status, and the file that it becomes. `peek`: nobody is shown a hold by this.
const ASKED: [(&str, &str); 4] = [
    ("sessions.json", "/v1/sessions"),
    ("holds.json", "/v1/holds?all=true&peek=true"),
    ("grants.json", "/v1/grants"),
    ("notifier.json", "/v1/notifier"),
];
/// Longest page of metrics, bytes.
const METRICS: u64 = 4 * 1024 * 1024;
const METRICS_TIMEOUT: Duration = Duration::from_secs(5);

pub fn parts(client: &Client, global: &Global, printer: &Printer, events: usize) -> Vec<Part> {
    let status = ask(client, "/v1/status");
    let metrics_at =
        status.as_ref().ok().and_then(|status| status.get("metrics")?.as_str()).map(str::to_owned);
    let mut parts = vec![part("status.json", status)];
    parts.extend(ASKED.iter().map(|(name, path)| part(name, ask(client, path))));
    parts.extend([doctor(client), metrics(metrics_at)]);
    if events > 0 {
        let question = Question { files: true, limit: Some(events), ..Question::default() };
        parts.push(match past::ask(client, global, printer, &question, false) {
            Ok(found) => Part::lines("events.jsonl", found.events),
            Err(failure) => Part::missing("events.jsonl", failure.text.unwrap_or_default()),
        });
    }
    parts
}

/// What the daemon answers; `Err`: the daemon's answer that there is none, or that nobody can ask.
fn ask(client: &Client, path: &str) -> Result<Value, Unanswered> {
    match wait(async { Ok(client.get::<Value>(path).await) }) {
        Ok(answer) => answer.map_err(Unanswered::Client),
        Err(failure) => Err(Unanswered::Nobody(failure.text.unwrap_or_default())),
    }
}

enum Unanswered {
    Client(ClientError),
    /// This program could not even ask.
    Nobody(String),
}

fn part(name: &str, answer: Result<Value, Unanswered>) -> Part {
    match answer {
        Ok(value) => Part::json(name, &value),
        Err(Unanswered::Client(error)) => Part::missing(name, error),
        Err(Unanswered::Nobody(why)) => Part::missing(name, why),
    }
}

/// Without a daemon what one would find, as `interlock doctor` says it.
fn doctor(client: &Client) -> Part {
    const NAME: &str = "doctor.json";
    match ask(client, "/v1/doctor") {
        Err(Unanswered::Client(ClientError::NoDaemon { .. })) => {
            Part::json(NAME, &interlock_host::probes::doctor())
        }
        answer => part(NAME, answer),
    }
}

/// From where the daemon says that its metrics are.
fn metrics(address: Option<String>) -> Part {
    const NAME: &str = "metrics.txt";
    let Some(address) = address else { return Part::missing(NAME, "no daemon says where they are") };
    let read = || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(METRICS_TIMEOUT)).proxy(None).build().into();
        agent
            .get(format!("http://{address}/metrics"))
            .call()?
            .body_mut()
            .with_config()
            .limit(METRICS)
            .read_to_string()
    };
    match read() {
        Ok(text) => Part::text(NAME, &text),
        Err(error) => Part::missing(NAME, error),
    }
}
