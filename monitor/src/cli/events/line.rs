//! An event as a line.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::cli::language::{moment, plain};
use interlock_core::event_fields::{at, text, texts};

/// Characters of a command line that are shown.
const COMMAND_MAX: usize = 72;

/// `2026-11-21 12:03:04.123  claude-code 4711-0a1b2  secret-read  /home/x/.railway/config.json (paas, A, foreign)`.
pub fn describe(event: &Value, zone: &TimeZone) -> String {
    let at = at(event).map_or_else(|| "---------- --:--:--.---".into(), |at| moment(at, zone));
    format!("{at}  {}", words(event, zone))
}

/// The same without its time.
pub fn words(event: &Value, zone: &TimeZone) -> String {
    let session = [text(event, "interlock.session.agent"), text(event, "interlock.session.id")];
    let mut parts = vec![
        session.into_iter().flatten().collect::<Vec<_>>().join(" "),
        text(event, "event.action").unwrap_or("event").into(),
        object(event),
        consequence(event),
        repeats(event, zone),
    ];
    parts.retain(|part| !part.is_empty());
    plain(&parts.join("  "))
}

fn object(event: &Value) -> String {
    if let Some(path) = text(event, "file.path") {
        return format!("{path}{}", secret(event));
    }
    if let Some(destination) = destination(event) {
        return destination;
    }
    if let Some((service, path)) =
        text(event, "interlock.delegate.service").zip(text(event, "interlock.delegate.path"))
    {
        return format!("{service} ({path})");
    }
    let arguments: Vec<&str> = texts(event, "process.args").collect();
    if arguments.is_empty() {
        text(event, "message").unwrap_or_default().into()
    } else {
        shortened(&arguments.join(" "))
    }
}

/// A command line may be a whole program (`bash -c …`). The JSON output has all of it.
fn shortened(command: &str) -> String {
    let first = command.lines().next().unwrap_or_default();
    match first.char_indices().nth(COMMAND_MAX) {
        Some((end, _)) => format!("{}…", first.get(..end).unwrap_or(first)),
        None if first.len() < command.len() => format!("{first}…"),
        None => first.to_owned(),
    }
}

fn secret(event: &Value) -> String {
    let foreign = event.get("interlock.secret.foreign") == Some(&Value::Bool(true));
    let words = [
        text(event, "interlock.secret.class"),
        text(event, "interlock.secret.grade"),
        foreign.then_some("foreign"),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn destination(event: &Value) -> Option<String> {
    let port = event.get("destination.port").map(|port| format!(":{port}")).unwrap_or_default();
    match (text(event, "destination.domain"), text(event, "destination.ip")) {
        (Some(domain), Some(ip)) => Some(format!("{domain}{port} ({ip})")),
        (Some(name), None) | (None, Some(name)) => Some(format!("{name}{port}")),
        (None, None) => None,
    }
}

/// How often it happened, where that was more than once: `×54 until 2026-11-21 12:03:58.001`.
fn repeats(event: &Value, zone: &TimeZone) -> String {
    let Some(count) = event.get("interlock.count").and_then(Value::as_u64) else {
        return String::new();
    };
    let end = text(event, "event.end").and_then(|at| at.parse::<Timestamp>().ok());
    end.map_or_else(|| format!("×{count}"), |end| format!("×{count} until {}", moment(end, zone)))
}

/// What came of it: `→ hold h1 [infra-after-foreign-secret]`; `would` where the mode is observe.
fn consequence(event: &Value) -> String {
    let Some(action) = text(event, "interlock.action").filter(|action| *action != "allow") else {
        return String::new();
    };
    let would = if text(event, "interlock.mode") == Some("observe") { "would " } else { "" };
    let hold = text(event, "interlock.hold.id").map(|id| format!(" {id}")).unwrap_or_default();
    let rules: Vec<&str> = texts(event, "rule.id").collect();
    let rules = if rules.is_empty() { String::new() } else { format!(" [{}]", rules.join(", ")) };
    format!("→ {would}{action}{hold}{rules}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_event_is_one_line() {
        let events = [
            json!({ "@timestamp": "2026-11-21T12:03:04.1234Z", "interlock.session.agent": "claude-code",
                "interlock.session.id": "4711-0a1b2", "event.action": "secret-read",
                "file.path": "/home/x/.railway/config.json", "interlock.secret.class": "paas", "interlock.secret.grade": "A",
                "interlock.secret.foreign": true, "interlock.action": "allow" }),
            json!({ "@timestamp": "2026-11-21T12:03:05Z", "interlock.session.agent": "claude-code",
                "interlock.session.id": "4711-0a1b2", "event.action": "connect", "destination.ip": "66.33.22.1",
                "destination.port": 443, "destination.domain": "backboard.railway.app", "interlock.hold.id": "h1",
                "rule.id": ["infra-after-foreign-secret"], "interlock.action": "hold" }),
            json!({ "@timestamp": "2026-11-21T12:03:06Z", "interlock.session.id": "1-00000", "event.action": "exec",
                "process.args": ["terraform", "destroy\u{1b}[2J"], "rule.id": ["destroy"],
                "interlock.action": "freeze", "interlock.mode": "observe" }),
            json!({ "@timestamp": "2026-11-21T12:03:07Z", "event.action": "connect", "destination.ip": "127.0.0.1",
                "interlock.count": 5000, "event.end": "2026-11-21T12:03:58.001Z" }),
            json!({ "@timestamp": "2026-11-21T12:03:08Z", "event.action": "delegate", "interlock.delegate.service": "shell-start",
                "interlock.delegate.how": "file", "interlock.delegate.path": "/home/x/.bashrc", "process.args": ["tee", "/home/x/.bashrc"] }),
            json!({ "message": "an event of a later version" }),
        ];
        let lines: Vec<String> = events.iter().map(|event| describe(event, &TimeZone::UTC)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        2026-11-21 12:03:04.123  claude-code 4711-0a1b2  secret-read  /home/x/.railway/config.json (paas, A, foreign)
        2026-11-21 12:03:05.000  claude-code 4711-0a1b2  connect  backboard.railway.app:443 (66.33.22.1)  → hold h1 [infra-after-foreign-secret]
        2026-11-21 12:03:06.000  1-00000  exec  terraform destroy\u{1b}[2J  → would freeze [destroy]
        2026-11-21 12:03:07.000  connect  127.0.0.1  ×5000 until 2026-11-21 12:03:58.001
        2026-11-21 12:03:08.000  delegate  shell-start (/home/x/.bashrc)
        ---------- --:--:--.---  event  an event of a later version
        "#);
    }

    #[test]
    fn a_long_command_is_cut() {
        assert_eq!(shortened("bash -c x"), "bash -c x");
        assert_eq!(shortened("bash -c first\nsecond"), "bash -c first…");
        assert_eq!(shortened(&"é".repeat(100)), format!("{}…", "é".repeat(COMMAND_MAX)));
    }
}
