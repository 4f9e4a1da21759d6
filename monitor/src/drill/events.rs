//! The daemon's events, in words for the timeline.

use serde_json::Value;

use super::journal::{Moment, Who};
use interlock_core::event_fields::{at, text};

/// One event as a moment; `None` for what a reader of the timeline would not miss. `home` is written as `~`.
#[must_use]
pub fn moment(event: &Value, home: &str) -> Option<Moment> {
    let action = text(event, "event.action")?;
    let at = at(event)?;
    let (who, what) = describe(event, action)?;
    Some(Moment { at_us: u64::try_from(at.as_microsecond()).ok()?, who, what: what.replace(home, "~") })
}

fn describe(event: &Value, action: &str) -> Option<(Who, String)> {
    let rule = text(event, "rule.id").map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    let (process, place) = (process(event), destination(event));
    Some(match action {
        "session-started" => {
            let agent = text(event, "interlock.session.agent").unwrap_or("unknown");
            (
                Who::Kernel,
                format!("recognises an agent: {agent}, session {}", text(event, "interlock.session.id")?),
            )
        }
        "secret-read" => (Who::Kernel, format!("{process} read {}{rule}", secret(event))),
        "environment-read" => (Who::Kernel, format!("{process} read an environment{rule}")),
        "connect" => (Who::Kernel, format!("{process} connects to {place}{rule}")),
        "flow-held" => (Who::Rule, format!("HELD before its first byte: {process} to {place}{rule}")),
        "flow-released" => (Who::Person, format!("approved: {process} may go on to {place}")),
        "flow-denied" => (Who::Person, format!("denied: the connection of {process} is shut down")),
        "session-frozen" => (Who::Rule, format!("FROZEN: the agent's whole tree stands still{rule}")),
        "session-thawed" => (Who::Person, "thawed: the agent's tree runs again".into()),
        "session-ended" => (Who::Kernel, "the session has ended".into()),
        other => match other.strip_prefix("would-") {
            Some(verb) => (Who::Rule, format!("observe mode: would {verb} {process}{rule}")),
            // Ordinary executions and names that are not there would bury the story; what a rule speaks about does not.
            None if rule.is_empty() => return None,
            None => (Who::Rule, format!("{}{rule}", text(event, "message").unwrap_or(other))),
        },
    })
}

fn secret(event: &Value) -> String {
    let path = text(event, "file.path").unwrap_or("a secret");
    let class = text(event, "interlock.secret.class").unwrap_or("secret");
    let grade =
        text(event, "interlock.secret.grade").map(|grade| format!(", grade {grade}")).unwrap_or_default();
    let foreign = event["interlock.secret.foreign"].as_bool().unwrap_or(false);
    format!("{path}: {class}{grade}, {}", if foreign { "not its own" } else { "its own" })
}

fn process(event: &Value) -> String {
    let name =
        text(event, "process.executable").and_then(|path| path.rsplit('/').next()).unwrap_or("a process");
    event["process.pid"].as_u64().map_or_else(|| name.to_owned(), |pid| format!("{name} ({pid})"))
}

fn destination(event: &Value) -> String {
    let place =
        text(event, "destination.domain").or_else(|| text(event, "destination.ip")).unwrap_or("the network");
    event["destination.port"].as_u64().map_or_else(|| place.to_owned(), |port| format!("{place}:{port}"))
}

/// Time from the kernel's question to the decision, µs: of the first held flow, or of the first freeze.
#[must_use]
pub fn time_to_stop_us(events: &[Value], frozen: bool) -> Option<u64> {
    let (action, asked, done) = if frozen {
        ("session-frozen", "interlock.freeze.asked_ns", "interlock.freeze.done_ns")
    } else {
        ("flow-held", "interlock.flow.asked_ns", "interlock.flow.decided_ns")
    };
    let event = events.iter().find(|event| event["event.action"] == action)?;
    event[done].as_u64()?.checked_sub(event[asked].as_u64()?).map(|nanos| nanos.div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn say(mut event: Value) -> Option<(Who, String)> {
        event["@timestamp"] = json!("2026-04-24T12:00:00.000001Z");
        moment(&event, "/tmp/drill/home").map(|moment| (moment.who, moment.what))
    }

    #[test]
    fn a_secret_is_told_with_its_weight() {
        let event = json!({
            "event.action": "secret-read", "process.pid": 7, "process.executable": "/usr/bin/sed",
            "file.path": "/tmp/drill/home/.railway/config.json", "interlock.secret.class": "paas", "interlock.secret.grade": "A",
            "interlock.secret.foreign": true, "rule.id": "foreign-secret"
        });
        let text = "sed (7) read ~/.railway/config.json: paas, grade A, not its own (rule foreign-secret)";
        assert_eq!(say(event), Some((Who::Kernel, text.into())));
    }

    #[test]
    fn a_hold_names_the_place() {
        let event = json!({
            "event.action": "flow-held", "process.pid": 9, "process.executable": "curl",
            "destination.domain": "backboard.railway.app", "destination.port": 443, "rule.id": "r"
        });
        let text = "HELD before its first byte: curl (9) to backboard.railway.app:443 (rule r)";
        assert_eq!(say(event), Some((Who::Rule, text.into())));
    }

    #[test]
    fn the_ordinary_is_left_out_unless_a_rule_speaks() {
        assert_eq!(say(json!({ "event.action": "exec" })), None);
        assert!(say(json!({ "event.action": "exec", "rule.id": "r", "message": "m" })).is_some());
        let would = say(json!({ "event.action": "would-hold", "rule.id": "r" })).unwrap();
        assert_eq!(would, (Who::Rule, "observe mode: would hold a process (rule r)".into()));
    }

    #[test]
    fn the_time_comes_from_the_event_that_stopped_it() {
        let held = json!({ "event.action": "flow-held", "interlock.flow.asked_ns": 1_000, "interlock.flow.decided_ns": 301_500 });
        let frozen = json!({ "event.action": "session-frozen", "interlock.freeze.asked_ns": 5_000, "interlock.freeze.done_ns": 6_000 });
        let events = [json!({ "event.action": "exec" }), held, frozen];
        assert_eq!(time_to_stop_us(&events, false), Some(301));
        assert_eq!(time_to_stop_us(&events, true), Some(1));
        assert_eq!(time_to_stop_us(&[], false), None);
    }
}
