//! The vocabulary of events: the Elastic Common Schema's fields as they are defined there, everything else below `interlock.`.
//!
//! `docs/events.md` describes the fields, `docs/schema/event.json` is their JSON Schema; a test holds both, and the published
//! definitions of ECS, against what is here.

use std::borrow::Cow;

use crate::facts::Severity;

/// The release of ECS whose definitions events follow.
pub const VERSION: &str = "9.4.0";

/// Begin of the names of own fields.
pub const OWN: &str = "interlock.";

/// The fields of ECS that events have, each with its type there.
pub const FIELDS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("container.id", "keyword"),
    ("container.runtime", "keyword"),
    ("destination.domain", "keyword"),
    ("destination.ip", "ip"),
    ("destination.port", "long"),
    ("ecs.version", "keyword"),
    ("event.action", "keyword"),
    ("event.category", "keyword"),
    ("event.end", "date"),
    ("event.id", "keyword"),
    ("event.kind", "keyword"),
    ("event.outcome", "keyword"),
    ("event.severity", "long"),
    ("event.start", "date"),
    ("event.type", "keyword"),
    ("file.name", "keyword"),
    ("file.path", "keyword"),
    ("host.boot.id", "keyword"),
    ("host.name", "keyword"),
    ("host.os.type", "keyword"),
    ("message", "match_only_text"),
    ("network.iana_number", "keyword"),
    ("network.transport", "keyword"),
    ("orchestrator.namespace", "keyword"),
    ("orchestrator.resource.id", "keyword"),
    ("orchestrator.resource.name", "keyword"),
    ("orchestrator.resource.type", "keyword"),
    ("orchestrator.type", "keyword"),
    ("process.args", "keyword"),
    ("process.entity_id", "keyword"),
    ("process.executable", "keyword"),
    ("process.parent.pid", "long"),
    ("process.pid", "long"),
    ("rule.id", "keyword"),
    ("rule.name", "keyword"),
    ("source.bytes", "long"),
    ("source.user.id", "keyword"),
    ("user.id", "keyword"),
];

/// The full name of a field: `interlock.` is put before one that is not of ECS.
#[must_use]
pub fn name(field: &str) -> Cow<'_, str> {
    if field.starts_with(OWN) || FIELDS.binary_search_by(|(known, _)| (*known).cmp(field)).is_ok() {
        Cow::Borrowed(field)
    } else {
        Cow::Owned(format!("{OWN}{field}"))
    }
}

/// `event.severity`, which ECS leaves to the source as a number: Elastic's own rules use these four.
#[must_use]
pub fn severity(severity: Severity) -> u64 {
    match severity {
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

/// `event.category`, `event.type` and `event.outcome` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub category: &'static [&'static str],
    pub types: &'static [&'static str],
    /// Whether what was tried happened; `None` where nothing was tried, or nobody knows yet.
    pub outcome: Option<&'static str>,
}

/// By the event's name, `event.action`.
#[must_use]
pub fn class(action: &str) -> Class {
    const SUCCESS: Option<&str> = Some("success");
    const FAILURE: Option<&str> = Some("failure");
    const UNKNOWN: Option<&str> = Some("unknown");
    let (category, types, outcome): (&[&str], &[&str], _) = match action {
        "session-started" => (&["session"], &["start"], SUCCESS),
        "session-ended" => (&["session"], &["end"], SUCCESS),
        "session-suspended" | "session-resumed" => (&["session", "configuration"], &["info"], SUCCESS),
        "session-frozen" | "session-thawed" => (&["session", "process"], &["info"], SUCCESS),
        "session-killed" => (&["session", "process"], &["end"], SUCCESS),
        "session-attributed" => (&["session"], &["info", "change"], SUCCESS),
        "agent-outside" | "pod-unwatched" => (&["intrusion_detection", "host"], &["info"], None),
        "session-unwatched" | "session-incomplete" | "sessions-met" | "touch-shared" | "records-lost" => {
            (&["session"], &["info"], None)
        }
        "secret-read" => (&["file"], &["access"], SUCCESS),
        "unseen-open" => (&["file"], &["access"], UNKNOWN),
        "secret-probe" => (&["file"], &["access"], FAILURE),
        "secret-link" => (&["file"], &["change"], SUCCESS),
        "environment-read" | "inspect" => (&["process"], &["access"], SUCCESS),
        "exec" => (&["process"], &["start"], SUCCESS),
        "delegate" => (&["process"], &["info"], SUCCESS),
        "connect" => (&["network"], &["connection", "start"], SUCCESS),
        "flow-held" => (&["network"], &["connection", "info"], UNKNOWN),
        "flow-passed" | "flow-released" => (&["network"], &["connection", "allowed"], SUCCESS),
        "flow-sent" => (&["network"], &["connection", "info"], SUCCESS),
        "flow-ended" => (&["network"], &["connection", "end"], None),
        "flow-lapsed" => (&["network"], &["connection", "end"], FAILURE),
        "flow-denied" | "flow-reset" | "connect-refused" | "socket-refused" => {
            (&["network"], &["connection", "denied"], FAILURE)
        }
        "flow-received" | "flow-shared" | "socket-odd" => (&["network"], &["connection", "info"], SUCCESS),
        "syscall-held" => (&["process", "intrusion_detection"], &["info"], UNKNOWN),
        "syscall-denied" => (&["process", "intrusion_detection"], &["info", "denied"], FAILURE),
        "attempt-refused" => (&["intrusion_detection"], &["denied"], FAILURE),
        "factor-added" | "factor-removed" => (&["iam"], &["user", "change"], SUCCESS),
        "factor-refused" | "factor-locked" => (&["authentication"], &["info"], FAILURE),
        "hold-expired" => (&["intrusion_detection"], &["denied"], FAILURE),
        "mount" => (&["host"], &["change"], None),
        "ledger-rotated" => (&["host"], &["change"], SUCCESS),
        "ledger-doubtful" | "ledger-failing" | "enforcement-unproven" => (&["host"], &["info"], FAILURE),
        "ledger-back" => (&["host"], &["info"], SUCCESS),
        _ if action.starts_with("would-") => (&["intrusion_detection"], &["allowed"], SUCCESS),
        // `hold-gone`, `tamper`, and what is new
        _ => (&["intrusion_detection"], &["info"], None),
    };
    Class { category, types, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people look for first in an index: who got in, who may, and when nothing was in force.
    #[test]
    fn what_becomes_of_decisions_and_factors_is_no_event_like_any_other() {
        for action in [
            "attempt-refused",
            "factor-added",
            "factor-removed",
            "factor-refused",
            "factor-locked",
            "session-suspended",
            "session-resumed",
        ] {
            assert_ne!(class(action), class("anything-new"), "{action}");
        }
    }

    #[test]
    fn what_is_not_of_ecs_lies_below_interlock() {
        assert!(FIELDS.is_sorted_by(|one, next| one.0 < next.0), "names are looked up by halves");
        for (field, full) in [
            ("event.action", "event.action"),
            ("hold.id", "interlock.hold.id"),
            ("interlock.mode", "interlock.mode"),
            ("destination.class", "interlock.destination.class"),
        ] {
            assert_eq!(name(field), full);
        }
    }
}
