//! Own fields of events, below `interlock.`, and the JSON Schema of an event.

use serde_json::{Map, Value, json};

use super::ecs;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Texts,
    Number,
    Numbers,
    Flag,
}

use Holds::{Flag, Number, Numbers, Text, Texts};

/// Every own field, without `interlock.`, with what it says.
pub const FIELDS: &[(&str, Holds, &str)] = &[
    ("action", Text, "what was decided: allow, alert, hold, deny, freeze, kill"),
    ("attempt.cluster_user", Text, "user of the cluster who asked"),
    ("attempt.count", Number, "attempts that this event stands for"),
    ("attempt.request", Text, "what was asked for by somebody who may not"),
    ("attempt.target", Text, "the hold or the session that it was about"),
    ("connect.before", Text, "`handshake`: the connection has not begun"),
    ("count", Number, "how many the event stands for; absent: one"),
    ("decision.factor", Text, "what who decided gave beside: none, totp, key SHA256:…"),
    ("degraded", Text, "the action that the backend in force cannot do, and which is an alert therefore"),
    ("delegate.how", Text, "socket, command, file"),
    ("delegate.path", Text, "path of the socket, the program or the file"),
    ("delegate.service", Text, "catalogue id of the service"),
    ("destination.also", Text, "what the host serves besides its class"),
    ("destination.anybodys", Flag, "nobody is known to be there"),
    ("destination.class", Text, "class of the endpoint"),
    ("destination.named_by", Text, "where its name came from: server-name, http, dns, address"),
    ("destination.provider", Text, "catalogue id of the provider"),
    ("enforcement.action", Text, "the action of which nothing is proven"),
    ("enforcement.backend", Text, "lsm, tracing, portable"),
    ("enforcement.reason", Text, "why not"),
    ("environment.how", Text, "exec, open, memory"),
    ("environment.own", Flag, "of the process itself"),
    ("environment.pid", Number, "whose environment it is"),
    ("factor.id", Text, "`f1`; unique for its user"),
    ("factor.refused", Text, "why a code or a signature did not count"),
    ("factor.what", Text, "totp, or key SHA256:…"),
    ("file.paths", Texts, "secrets that count from now on"),
    ("flow.asked_ns", Number, "boot clock, ns"),
    ("flow.decided_ns", Number, "boot clock, ns"),
    (
        "flow.ended",
        Text,
        "how a connection that was let go on ended: closed, closed-there, reset, reset-there, lost, held, asked-again, reconnected, gone, unknown",
    ),
    ("freeze.asked_ns", Number, "boot clock, ns"),
    ("freeze.by_signal", Numbers, "processes that only a signal stops"),
    ("freeze.decided_by", Text, "who"),
    ("freeze.done_ns", Number, "boot clock, ns"),
    ("freeze.passes", Number, "passes over the tree until nothing moved"),
    ("freeze.processes", Number, "processes that were reached"),
    ("freeze.still_running", Numbers, "processes that could not be stopped"),
    ("freeze.still_stopped", Numbers, "processes that may still stand"),
    ("freeze.took_us", Number, "microseconds"),
    ("grant.covers", Text, "what it lets go on"),
    ("grant.decided_by", Text, "who gave it"),
    ("grant.id", Text, "`g3`"),
    ("grant.revoked_by", Text, "who took it back"),
    ("guard.detail", Number, "by the act"),
    ("guard.target", Number, "process that it was tried on"),
    ("hold.approvals", Number, "approvals so far"),
    ("hold.approvals_asked", Number, "approvals that the rule asks for"),
    ("hold.approved_by", Text, "who"),
    ("hold.decided_by", Text, "who answered"),
    ("hold.evidence", Text, "hash of what a person is shown, short"),
    ("hold.id", Text, "`h7`"),
    ("hold.reason", Text, "what the person said to it"),
    ("inspect.how", Text, "ptrace, memory"),
    ("inspect.own", Flag, "of the same session"),
    ("inspect.pid", Number, "process that was reached into"),
    ("ledger.after", Text, "the record that the file ended with, `SEQ:HASH`"),
    ("ledger.change", Text, "what another program did to the file"),
    ("ledger.moved_to", Text, "where the file is now"),
    ("ledger.records_lost", Number, "records that are missing"),
    ("link.how", Text, "link, rename"),
    ("lost", Number, "records of the session that were lost since it began"),
    ("mode", Text, "enforce, observe; only what was judged has it"),
    ("pod.owner", Text, "whose workspace the pod is: a name of the cluster's, never a user of this machine"),
    ("pod.owner_by", Text, "the catalogue's entry that says so"),
    ("pod.owner_trust", Text, "who can have written it: platform, template, tenant"),
    ("pod.runtime_class", Text, "spec.runtimeClassName"),
    ("pod.service_account", Text, "the service account that the pod runs as"),
    ("pod.workload", Text, "what the pod is a part of: `Deployment/web`"),
    ("process.args_unknown", Flag, "the arguments are not what the program gets, or not all"),
    ("reason", Text, "why"),
    ("repeats", Text, "`event.id` of the first of the same, which is not counted here"),
    ("secret.class", Text, "class of the secret"),
    ("secret.copy", Flag, "another file that holds something of it"),
    ("secret.entry", Text, "id of the catalogue's entry"),
    ("secret.foreign", Flag, "outside of the workspace, and read by none of its owner tools"),
    ("secret.grade", Text, "A, B, C"),
    ("secret.habit_elsewhere", Text, "grade that the read counts as where nobody is known"),
    ("secret.habit_for", Texts, "providers that it counts in full for"),
    ("secret.owner", Flag, "read by one of its owner tools"),
    ("secret.pack", Text, "the pack that is switched off"),
    ("session.agent", Text, "catalogue id of the agent"),
    ("session.command", Text, "command line of the root, without credentials"),
    ("session.id", Text, "`PID-XXXXX`"),
    ("session.incomplete", Flag, "not all that the session did is known"),
    ("session.met", Text, "the other session"),
    ("session.recognised_by", Text, "how"),
    ("session.suspended", Text, "everything of it is allowed for a time: break-glass, pause"),
    ("session.unattended", Text, "why nobody is there to answer"),
    ("session.workspace", Text, "directory"),
    ("severity", Text, "low, medium, high, critical; `event.severity` is the same as a number"),
    ("socket.family", Number, "address family"),
    ("socket.type", Number, "socket type"),
    ("suspension.by", Text, "who asked for it"),
    ("suspension.reason", Text, "why, as who asked says"),
    ("suspension.until", Text, "when it ends by itself"),
    ("tamper.requests", Number, "requests that this event stands for"),
];

/// JSON Schema (2020-12) of one event. Fields are added, and never change what they mean, so further ones are no mistake.
#[must_use]
pub fn schema() -> Value {
    let mut fields = Map::new();
    for (name, kind) in ecs::FIELDS {
        fields.insert((*name).to_owned(), of_ecs(name, kind));
    }
    for (name, holds, says) in FIELDS {
        let mut field = match holds {
            Text => json!({ "type": ["string", "null"] }),
            Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Number => json!({ "type": "integer", "minimum": 0 }),
            Numbers => json!({ "type": "array", "items": { "type": "integer", "minimum": 0 } }),
            Flag => json!({ "type": "boolean" }),
        };
        field["description"] = (*says).into();
        fields.insert(format!("{}{name}", ecs::OWN), field);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Event",
        "description": "One line of events.jsonl, of `interlock events --output json` and of the stream",
        "type": "object",
        "required": ["@timestamp", "ecs.version", "event.id", "event.kind", "event.action", "event.category", "event.type",
            "host.name", "host.boot.id"],
        "properties": fields,
    })
}

fn of_ecs(name: &str, kind: &str) -> Value {
    let words = |words: &[&str]| json!({ "type": "array", "items": { "enum": words } });
    match name {
        "event.kind" => json!({ "enum": ["alert", "event"] }),
        "event.outcome" => json!({ "enum": ["success", "failure", "unknown"] }),
        "event.category" => words(&[
            "authentication",
            "configuration",
            "file",
            "host",
            "iam",
            "intrusion_detection",
            "network",
            "process",
            "session",
        ]),
        "event.type" => {
            words(&["access", "allowed", "change", "connection", "denied", "end", "info", "start", "user"])
        }
        "ecs.version" => json!({ "const": ecs::VERSION }),
        "process.args" | "rule.id" => json!({ "type": "array", "items": { "type": "string" } }),
        _ => match kind {
            "date" => json!({ "type": "string", "format": "date-time" }),
            "long" => json!({ "type": "integer" }),
            _ => json!({ "type": "string" }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_once_and_none_is_of_ecs() {
        assert!(FIELDS.is_sorted_by(|one, next| one.0 < next.0));
        for (name, ..) in FIELDS {
            assert_ne!(ecs::name(name), *name, "{name} is a name of ECS");
        }
    }

    #[test]
    fn each_event_is_classified_by_words_that_the_schema_has() {
        let schema = schema();
        let known = |field: &str, words: &[&str]| {
            let all = &schema["properties"][field]["items"]["enum"];
            words.iter().all(|word| all.as_array().is_some_and(|all| all.contains(&json!(word))))
        };
        for action in [
            "session-started",
            "session-killed",
            "session-attributed",
            "agent-outside",
            "pod-unwatched",
            "secret-read",
            "secret-probe",
            "secret-link",
            "environment-read",
            "exec",
            "delegate",
            "connect",
            "flow-held",
            "flow-denied",
            "flow-released",
            "syscall-held",
            "syscall-denied",
            "hold-expired",
            "mount",
            "ledger-rotated",
            "ledger-failing",
            "would-hold",
            "tamper",
            "attempt-refused",
            "factor-added",
            "factor-removed",
            "factor-refused",
            "factor-locked",
            "session-suspended",
            "session-resumed",
            "anything-new",
        ] {
            let class = ecs::class(action);
            assert!(known("event.category", class.category), "{action}: {:?}", class.category);
            assert!(known("event.type", class.types), "{action}: {:?}", class.types);
        }
    }
}
