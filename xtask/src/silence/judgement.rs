//! What a session's events say: what alerted, and what was stopped.
//!
//! Whatever is not known to be harmless counts as stopped: a hold under a new name must not pass as silence.

use std::collections::BTreeMap;

use serde_json::Value;

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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    pub events: usize,
    /// How often each rule alerted. An alert that no rule made counts by the event's name.
    pub alerts: BTreeMap<String, usize>,
    /// The same, with what was touched and by which program.
    pub details: BTreeMap<String, usize>,
    /// Connections, by the destination's class and name.
    pub connections: BTreeMap<String, usize>,
    /// One line for each event that is more than an alert.
    pub stopped: Vec<String>,
}

impl Judgement {
    /// Counts one event in.
    pub fn add(&mut self, event: &Value) {
        self.events += 1;
        if let Some(class) = text(event, "interlock.destination.class") {
            let name =
                text(event, "destination.domain").or(text(event, "destination.ip")).unwrap_or_default();
            *self.connections.entry(format!("{class} {name}")).or_default() += 1;
        }
        if let Some(why) = stops(event) {
            self.stopped.push(format!("{why}: {}", line(event)));
        } else if is_alert(event) {
            for by in alerted_by(event) {
                *self.details.entry(format!("{by}: {}", line(event))).or_default() += 1;
                *self.alerts.entry(by).or_default() += 1;
            }
        }
    }
}

/// `IPPROTO_MPTCP`. It is refused in every session, and who asks for it goes on with TCP: Go's servers try it first.
const MPTCP: u64 = 262;

/// Why this event is more than an alert, if it is.
fn stops(event: &Value) -> Option<String> {
    let Some(name) = text(event, "event.action") else {
        return Some("an event without a name".to_owned());
    };
    if name == "socket-refused" && event.get("network.iana_number").and_then(Value::as_u64) == Some(MPTCP) {
        return None;
    }
    if name == "records-lost" {
        return Some("records were lost, so silence is not proved".to_owned());
    }
    if !TOLD.contains(&name) {
        return Some(name.to_owned());
    }
    if let Some(action) = text(event, "interlock.degraded") {
        return Some(format!("{action}, had it been seen in time"));
    }
    match event.get("interlock.action") {
        None => None,
        Some(action) => match action.as_str() {
            Some("allow" | "alert") => None,
            _ => Some(action.to_string().replace('"', "")),
        },
    }
}

fn is_alert(event: &Value) -> bool {
    text(event, "event.kind") == Some("alert")
}

fn alerted_by(event: &Value) -> Vec<String> {
    let rules = event.get("rule.id").and_then(Value::as_array).into_iter().flatten();
    let rules: Vec<String> = rules.filter_map(Value::as_str).map(str::to_owned).collect();
    if rules.is_empty() {
        text(event, "event.action").map(str::to_owned).into_iter().collect()
    } else {
        rules
    }
}

/// `secret-read /home/x/.netrc by /usr/bin/python3 [foreign-secret-read]`, on one line.
fn line(event: &Value) -> String {
    let object = [
        "file.path",
        "destination.domain",
        "destination.ip",
        "interlock.delegate.service",
        "file.name",
        "message",
    ]
    .iter()
    .find_map(|field| text(event, field).filter(|text| !text.is_empty()));
    let rules: Vec<&str> = event
        .get("rule.id")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut line = text(event, "event.action").unwrap_or("event").to_owned();
    if let Some(object) = object {
        line += &format!(" {object}");
    }
    if let (Some(entry), Some(grade)) =
        (text(event, "interlock.secret.entry"), text(event, "interlock.secret.grade"))
    {
        let foreign =
            if event.get("interlock.secret.foreign") == Some(&Value::Bool(true)) { " foreign" } else { "" };
        line += &format!(" ({entry} {grade}{foreign})");
    }
    if let Some(program) = text(event, "process.executable") {
        line += &format!(" by {program}");
    }
    if !rules.is_empty() {
        line += &format!(" [{}]", rules.join(", "));
    }
    line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn text<'e>(event: &'e Value, field: &str) -> Option<&'e str> {
    event.get(field)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(events: &[Value]) -> Judgement {
        let mut judgement = Judgement::default();
        for event in events {
            judgement.add(event);
        }
        judgement
    }

    #[test]
    fn everything_that_stops_is_seen_by_its_name_alone() {
        for name in [
            "flow-held",
            "flow-denied",
            "flow-released",
            "syscall-held",
            "syscall-denied",
            "connect-refused",
            "socket-refused",
            "session-frozen",
            "session-killed",
            "session-thawed",
            "hold-expired",
            "hold-gone",
            "would-hold",
            "would-deny",
            "would-freeze",
            "would-kill",
            "would-refuse",
            "records-lost",
            "a-name-of-tomorrow",
        ] {
            assert_eq!(judged(&[json!({ "event.action": name })]).stopped.len(), 1, "{name}");
        }
    }

    #[test]
    fn a_refused_socket_stops_but_for_the_one_that_programs_do_without() {
        let refused = |protocol: u32| json!({ "event.action": "socket-refused", "interlock.action": "deny", "network.iana_number": protocol });
        assert_eq!(judged(&[refused(262)]).stopped, [""; 0]);
        assert_eq!(judged(&[refused(132)]).stopped.len(), 1);
    }

    #[test]
    fn everything_that_stops_is_seen_by_its_action_whatever_its_name() {
        for action in ["hold", "deny", "freeze", "kill", "an-action-of-tomorrow"] {
            let event = json!({ "event.action": "secret-read", "interlock.action": action });
            assert_eq!(judged(&[event]).stopped.len(), 1, "{action}");
        }
        let odd = json!({ "event.action": "secret-read", "interlock.action": 3 });
        assert_eq!(judged(&[odd]).stopped.len(), 1);
    }

    #[test]
    fn a_hold_that_this_kernel_could_only_observe_is_a_hold() {
        let event = json!({ "event.action": "secret-read", "interlock.action": "alert",
            "interlock.degraded": "hold", "file.path": "/x", "rule.id": ["r"] });
        assert_eq!(judged(&[event]).stopped, ["hold, had it been seen in time: secret-read /x [r]"]);
    }

    #[test]
    fn an_event_that_tells_nothing_is_not_silence() {
        assert_eq!(judged(&[json!({}), json!({ "interlock.lost": 3 }), json!(null)]).stopped.len(), 3);
    }

    #[test]
    fn what_is_only_told_is_silent_and_alerts_are_counted_by_rule() {
        let read = |path: &str| {
            json!({ "event.action": "secret-read", "event.kind": "alert", "interlock.action": "alert",
                "file.path": path, "process.executable": "/bin/cat", "rule.id": ["foreign-secret-read"] })
        };
        let judgement = judged(&[
            json!({ "event.action": "session-started" }),
            json!({ "event.action": "connect", "event.kind": "event", "interlock.action": "allow",
                "interlock.destination.class": "local", "destination.ip": "127.0.0.1" }),
            json!({ "event.action": "secret-read", "interlock.action": "allow", "rule.id": ["library-keys"] }),
            read("/a"),
            read("/a"),
            read("/b"),
            json!({ "event.action": "mount", "event.kind": "alert", "interlock.action": "alert" }),
        ]);
        assert_eq!(judgement.stopped, [""; 0]);
        assert_eq!(judgement.events, 7);
        assert_eq!(judgement.connections, BTreeMap::from([("local 127.0.0.1".to_owned(), 1)]));
        assert_eq!(
            judgement.alerts,
            BTreeMap::from([("foreign-secret-read".to_owned(), 3), ("mount".to_owned(), 1)])
        );
        let twice = "foreign-secret-read: secret-read /a by /bin/cat [foreign-secret-read]";
        assert_eq!(judgement.details.get(twice), Some(&2), "{:?}", judgement.details);
    }
}
