//! What an event weighs: where room is short, the many observations must not push out the few that matter.

use serde_json::Value;

/// Of an event, the weightiest first. Each weight has room of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Told loudly: by a rule, or by Interlock's own watch.
    Alert,
    /// A hold and what became of it, a refusal.
    Decision,
    /// A session's begin, end, freeze; what was lost of it.
    Lifecycle,
    /// Any other observation.
    Observation,
    /// A connection that no rule says anything of.
    Connection,
}

impl Weight {
    pub const ALL: [Self; 5] =
        [Self::Alert, Self::Decision, Self::Lifecycle, Self::Observation, Self::Connection];

    /// Of a published event.
    #[must_use]
    pub fn of(event: &Value) -> Self {
        let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default();
        if text("event.kind") == "alert" {
            return Self::Alert;
        }
        match text("event.action") {
            _ if event.get("interlock.hold.id").is_some() => Self::Decision,
            "flow-held" | "flow-denied" | "flow-released" | "connect-refused" | "syscall-held"
            | "syscall-denied" | "hold-expired" | "hold-gone" | "grant-revoked" => Self::Decision,
            action if action.starts_with("would-") || action.starts_with("factor-") => Self::Decision,
            "records-lost" => Self::Lifecycle,
            action if action.starts_with("session-") => Self::Lifecycle,
            "connect" | "flow-passed" if event.get("rule.id").is_none() => Self::Connection,
            _ => Self::Observation,
        }
    }

    /// What there is most of, and what is missed least.
    #[must_use]
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Observation | Self::Connection)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_event_weighs_what_it_says() {
        let weight = |event: Value| Weight::of(&event);
        assert_eq!(weight(json!({ "event.action": "connect" })), Weight::Connection);
        assert_eq!(weight(json!({ "event.action": "flow-passed" })), Weight::Connection);
        assert_eq!(weight(json!({ "event.action": "connect", "rule.id": ["a"] })), Weight::Observation);
        assert_eq!(weight(json!({ "event.action": "secret-read" })), Weight::Observation);
        assert_eq!(weight(json!({ "event.action": "secret-read", "event.kind": "alert" })), Weight::Alert);
        assert_eq!(weight(json!({ "event.action": "connect", "interlock.hold.id": "h1" })), Weight::Decision);
        for action in ["flow-held", "flow-released", "hold-gone", "would-hold", "connect-refused"] {
            assert_eq!(weight(json!({ "event.action": action })), Weight::Decision, "{action}");
        }
        for action in ["session-started", "session-ended", "session-thawed", "records-lost"] {
            assert_eq!(weight(json!({ "event.action": action })), Weight::Lifecycle, "{action}");
        }
    }
}
