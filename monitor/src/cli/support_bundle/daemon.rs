//! What the daemon says of itself.

use std::time::Duration;

use serde_json::Value;

use super::part::Part;
use crate::{
    archive::Question,
    cli::{global::Global, past, printer::Printer, wait::wait},
    control::client::{Client, ClientError},
};

/// What is asked, and the file that it becomes. `peek`: nobody is shown a hold by this.
const ASKED: [(&str, &str); 6] = [
    ("status.json", "/v1/status"),
    ("sessions.json", "/v1/sessions"),
    ("holds.json", "/v1/holds?all=true&peek=true"),
    ("grants.json", "/v1/grants"),
    ("notifier.json", "/v1/notifier"),
    ("doctor.json", "/v1/doctor"),
];
/// Longest page of metrics, bytes.
const METRICS: u64 = 4 * 1024 * 1024;
const METRICS_TIMEOUT: Duration = Duration::from_secs(5);

pub fn parts(client: &Client, global: &Global, printer: &Printer, events: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = ASKED.iter().map(|(name, path)| asked(client, name, path)).collect();
    parts.push(metrics(client));
    if events > 0 {
        let question = Question { files: true, limit: Some(events), ..Question::default() };
        parts.push(match past::ask(client, global, printer, &question, false) {
            Ok(found) => Part::lines("events.jsonl", found.events),
            Err(failure) => Part::missing("events.jsonl", failure.text.unwrap_or_default()),
        });
    }
    parts
}

fn asked(client: &Client, name: &str, path: &str) -> Part {
    match wait(async { Ok(client.get::<Value>(path).await) }) {
        Ok(Ok(value)) => Part::json(name, &value),
        // What one would find, as `interlock doctor` says it.
        Ok(Err(ClientError::NoDaemon { .. })) if name == "doctor.json" => {
            Part::json(name, &interlock_host::probes::doctor())
        }
        Ok(Err(error)) => Part::missing(name, error),
        Err(failure) => Part::missing(name, failure.text.unwrap_or_default()),
    }
}

/// Where the daemon says that its metrics are.
fn metrics(client: &Client) -> Part {
    const NAME: &str = "metrics.txt";
    let status = wait(async { Ok(client.get::<Value>("/v1/status").await?) });
    let address = status.ok().and_then(|status| Some(status.get("metrics")?.as_str()?.to_owned()));
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
