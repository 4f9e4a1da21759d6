//! What befell a session besides what it did: as far as it decides whether anything may be learned from it.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// One such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Of the file, from 1.
    pub line: u64,
    pub time: Timestamp,
    pub session: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The record has the session from its beginning, and Interlock had it too: it was not found running.
    Started,
    /// It was stopped or refused something, would have been in enforce mode, or did what Interlock itself watches for.
    Tripped(String),
    /// Records of it were lost.
    Lost,
    /// What was held ended before anybody decided.
    Gone { hold: String },
}

/// Events that say that a session was stopped or refused something, or would have been.
const TRIPS: [&str; 13] = [
    "session-frozen",
    "session-killed",
    "session-thawed",
    "flow-denied",
    "syscall-denied",
    "connect-refused",
    "socket-refused",
    "hold-expired",
    "would-deny",
    "would-refuse",
    "would-freeze",
    "would-kill",
    "tamper",
];

/// `IPPROTO_MPTCP` (include/uapi/linux/in.h).
const MPTCP: u64 = 262;

/// Reads an event; `None` where it is nothing of the kind, or has no time.
pub fn incident(line: u64, event: &Map<String, Value>) -> Option<Incident> {
    let text = |field: &str| event.get(field).and_then(Value::as_str);
    let action = text("event.action")?;
    // An alert that no rule judged: Interlock's own watch over itself and over what it cannot follow.
    let own_alert = text("event.kind") == Some("alert") && !event.contains_key("interlock.mode");
    let what = match action {
        "session-started"
            if text("interlock.session.recognised_by").is_none_or(|by| !by.starts_with("adopted")) =>
        {
            What::Started
        }
        "records-lost" => What::Lost,
        // Who is refused MPTCP goes on with TCP: no alert, and nothing was kept from it.
        "socket-refused" if is_protocol(event, MPTCP) => {
            return None;
        }
        "hold-gone" => What::Gone { hold: text("interlock.hold.id")?.to_owned() },
        _ if TRIPS.contains(&action) || own_alert => What::Tripped(describe(action, event)),
        _ => return None,
    };
    let time = text("@timestamp")?.parse().ok()?;
    Some(Incident { line, time, session: text("interlock.session.id")?.to_owned(), what })
}

/// `session-frozen by secret-sweep`, `flow-denied h1 by uid 0`.
fn describe(action: &str, event: &Map<String, Value>) -> String {
    let text = |field: &str| event.get(field).and_then(Value::as_str);
    let mut said = action.to_owned();
    if let Some(hold) = text("interlock.hold.id") {
        said = format!("{said} {hold}");
    }
    let rules = event.get("rule.id").and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<&str> = rules.filter_map(Value::as_str).collect();
    match (text("interlock.hold.decided_by"), rules.as_slice(), text("message")) {
        (Some(who), ..) => format!("{said} by {who}"),
        (None, [_, ..], _) => format!("{said} by {}", rules.join(", ")),
        (None, [], Some(message)) => format!("{said}: {message}"),
        (None, [], None) => said,
    }
}

/// ECS has the number as a word; older daemons wrote a number.
fn is_protocol(event: &Map<String, Value>, number: u64) -> bool {
    let protocol = event.get("network.iana_number");
    protocol
        .is_some_and(|found| found.as_u64() == Some(number) || found.as_str() == Some(&number.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(more: &Value) -> Option<What> {
        let mut event = json!({ "@timestamp": "2026-11-21T12:00:00Z", "interlock.session.id": "1-00000" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        incident(1, event.as_object().unwrap()).map(|incident| incident.what)
    }

    #[test]
    fn whatever_stopped_or_refused_a_session_is_a_trip_and_says_who() {
        let trip = |more| match read(&more) {
            Some(What::Tripped(text)) => text,
            other => panic!("{more}: {other:?}"),
        };
        for action in TRIPS {
            assert!(trip(json!({ "event.action": action })).starts_with(action));
        }
        assert_eq!(
            trip(
                json!({ "event.action": "flow-denied", "interlock.hold.id": "h1", "interlock.hold.decided_by": "uid 0", "rule.id": ["x"] })
            ),
            "flow-denied h1 by uid 0"
        );
        assert_eq!(
            trip(json!({ "event.action": "session-frozen", "rule.id": ["secret-sweep"] })),
            "session-frozen by secret-sweep"
        );
        let unseen =
            json!({ "event.action": "unseen-open", "event.kind": "alert", "message": "inside io_uring" });
        assert_eq!(trip(unseen), "unseen-open: inside io_uring");
    }

    #[test]
    fn who_was_refused_mptcp_goes_on_and_was_refused_nothing() {
        let refused =
            |protocol: u32| json!({ "event.action": "socket-refused", "network.iana_number": protocol });
        assert_eq!(read(&refused(262)), None);
        assert!(read(&refused(132)).is_some());
    }

    #[test]
    fn what_a_rule_only_told_is_no_trip() {
        let text =
            json!({ "event.action": "secret-read", "event.kind": "alert", "interlock.mode": "enforce" });
        assert_eq!(read(&text), None);
        assert_eq!(read(&json!({ "event.action": "flow-passed" })), None);
        let started =
            |by| read(&json!({ "event.action": "session-started", "interlock.session.recognised_by": by }));
        assert_eq!(started("executable claude"), Some(What::Started));
        assert_eq!(started("adopted, executable claude"), None);
        assert_eq!(read(&json!({ "event.action": "records-lost" })), Some(What::Lost));
        assert_eq!(
            read(&json!({ "event.action": "hold-gone", "interlock.hold.id": "h2" })),
            Some(What::Gone { hold: "h2".into() })
        );
    }
}
