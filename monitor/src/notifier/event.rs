//! From a published event to a message.

use jiff::Timestamp;
use serde_json::Value;

use super::notice::{Notice, command_line};
use crate::config::Class;
use interlock_core::{
    event_fields::{at, count, host_and_port, text, texts},
    facts::Severity,
    words::Word as _,
};

/// What an event is told as; `None` for what is no message. A hold and what became of it are told with more than their events say.
pub fn class(event: &Value) -> Option<Class> {
    let action = text(event, "event.action")?;
    if event.get("interlock.hold.id").is_some() {
        return None;
    }
    Some(match action {
        "session-frozen" => Class::Freeze,
        "session-thawed" => Class::Thaw,
        "session-killed" => Class::Kill,
        "ledger-rotated"
        | "ledger-doubtful"
        | "ledger-failing"
        | "ledger-back"
        | "enforcement-unproven"
        | "session-unwatched"
        | "records-lost" => Class::Health,
        "session-suspended" | "session-resumed" => Class::BreakGlass,
        _ if action.starts_with("would-") => Class::Would,
        _ if text(event, "event.kind") == Some("alert") => Class::Alert,
        _ => return None,
    })
}

/// The message, with everything that the event says.
pub fn notice(event: &Value) -> Option<Notice> {
    let class = class(event)?;
    let time = at(event).unwrap_or_else(Timestamp::now);
    let severity = text(event, "interlock.severity").and_then(Severity::from_word).unwrap_or(least(class));
    let owned = |field: &str| text(event, field).map(str::to_owned);
    let mut notice = Notice::new(text(event, "event.id").unwrap_or("e0"), class, severity, time);
    notice.action = owned("event.action").unwrap_or_default();
    notice.session = owned("interlock.session.id");
    notice.agent = owned("interlock.session.agent");
    notice.user = text(event, "user.id").and_then(|user| user.parse().ok());
    notice.command = command(event);
    notice.object = object(event);
    notice.rules = texts(event, "rule.id").map(str::to_owned).collect();
    let by = owned("interlock.freeze.decided_by").map(|by| format!("decided by {by}"));
    notice.summary = owned("message").or(by).or_else(|| owned("interlock.reason"));
    notice.incomplete =
        event.get("interlock.session.incomplete").and_then(Value::as_bool).unwrap_or_default();
    notice.count = event.as_object().and_then(count).map_or(1, |(count, ..)| count);
    Some(notice)
}

/// Of an event that names no severity.
fn least(class: Class) -> Severity {
    match class {
        Class::Freeze | Class::Kill | Class::BreakGlass | Class::Thaw => Severity::High,
        _ => Severity::Medium,
    }
}

fn command(event: &Value) -> Option<String> {
    let args: Vec<&str> = texts(event, "process.args").collect();
    let program = text(event, "process.executable").map(str::to_owned);
    if args.is_empty() { program.filter(|program| !program.is_empty()) } else { Some(command_line(&args)) }
}

fn object(event: &Value) -> Option<String> {
    let fields = [
        "file.path",
        "interlock.delegate.service",
        "interlock.ledger.change",
        "interlock.enforcement.action",
        "interlock.attempt.target",
    ];
    host_and_port(event).or_else(|| fields.iter().find_map(|field| text(event, field)).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_told_by_what_it_says() {
        for (action, more, expected) in [
            ("session-frozen", json!({}), Some(Class::Freeze)),
            ("session-thawed", json!({}), Some(Class::Thaw)),
            ("ledger-failing", json!({ "event.kind": "alert" }), Some(Class::Health)),
            ("would-hold", json!({ "event.kind": "alert" }), Some(Class::Would)),
            ("session-suspended", json!({ "event.kind": "alert" }), Some(Class::BreakGlass)),
            ("session-resumed", json!({}), Some(Class::BreakGlass)),
            ("secret-read", json!({ "event.kind": "alert" }), Some(Class::Alert)),
            ("secret-read", json!({ "event.kind": "event" }), None),
            ("flow-held", json!({ "event.kind": "alert", "interlock.hold.id": "h1" }), None),
            ("connect", json!({}), None),
        ] {
            let mut event = json!({ "event.action": action });
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(class(&event), expected, "{event}");
        }
    }

    #[test]
    fn a_message_has_what_its_event_says() {
        let event = json!({ "event.action": "connect-refused", "event.kind": "alert", "event.id": "e7",
            "interlock.severity": "high", "@timestamp": "2026-11-30T21:00:00Z", "interlock.session.id": "1-0", "user.id": "1000",
            "process.args": ["curl", "x"], "destination.ip": "192.0.2.1", "destination.port": 443,
            "rule.id": ["a", "b"], "message": "why", "interlock.count": 12, "event.start": "2026-11-30T21:00:00Z",
            "event.end": "2026-11-30T21:00:30Z" });
        let notice = notice(&event).unwrap();
        assert_eq!((notice.key.as_str(), notice.severity, notice.count), ("e7", Severity::High, 12));
        assert_eq!((notice.user, notice.command.as_deref()), (Some(1000), Some("curl x")));
        assert_eq!(
            (notice.object.as_deref(), &notice.rules[..]),
            (Some("192.0.2.1:443"), &["a".to_owned(), "b".into()][..])
        );
    }
}
