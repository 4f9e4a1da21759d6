//! Records: what is read, what is refused, and that the same rules decide the same.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{problem::Problems, rules::RuleSet};

fn event(second: u32, action: &str, more: Value) -> Value {
    let mut event = json!({
        "@timestamp": format!("2026-11-21T12:00:{second:02}.5Z"), "event.id": format!("e{second}"),
        "event.action": action, "interlock.session.id": "4711-0a1b2", "interlock.session.agent": "claude-code",
        "interlock.mode": "enforce", "process.pid": 4712, "process.executable": "/usr/bin/curl", "process.args": ["curl"],
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

fn read_of(second: u32) -> Value {
    event(
        second,
        "secret-read",
        json!({ "file.path": "/home/x/.railway/config.json", "interlock.secret.entry": "railway-cli", "interlock.secret.class": "paas",
            "interlock.secret.grade": "A", "interlock.secret.foreign": true, "interlock.secret.owner": false,
            "rule.id": ["foreign-secret-read"], "interlock.action": "alert" }),
    )
}

fn connect(second: u32, name: &str) -> Value {
    event(
        second,
        "flow-held",
        json!({ "destination.ip": "203.0.113.7", "destination.port": 443, "interlock.destination.class": "infra",
            "destination.domain": name, "interlock.destination.named_by": "server-name", "network.transport": "tcp",
            "rule.id": ["infra-after-foreign-secret"], "interlock.action": "hold", "interlock.hold.id": "h1" }),
    )
}

fn record(lines: &[Value]) -> Result<Record, Problems> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read("r.jsonl", text.as_bytes())
}

fn decided(ruled: &[Ruled<'_>]) -> Vec<String> {
    ruled.iter().map(|ruled| crate::rule_test::describe(&ruled.decisions)).collect()
}

#[test]
fn the_same_rules_decide_the_same() {
    let record = record(&[read_of(1), connect(4, "backboard.railway.app")]).unwrap();
    let ruled = record.judge(&Arc::new(RuleSet::builtin().unwrap()));
    assert_eq!(decided(&ruled), ["alert foreign-secret-read", "hold infra-after-foreign-secret"]);
    assert!(ruled.iter().all(|ruled| ruled.entry.is_decided_as(&ruled.decisions)));
}

#[test]
fn other_rules_decide_otherwise() {
    let record = record(&[read_of(1), connect(4, "backboard.railway.app")]).unwrap();
    let text = "version: 1\noverride: [{ id: infra-after-foreign-secret, action: alert }]\n";
    let rules = Arc::new(RuleSet::parse(&[("a.yaml".into(), text.to_owned())]).unwrap());
    let ruled = record.judge(&rules);
    assert_eq!(decided(&ruled)[1], "alert infra-after-foreign-secret");
    assert!(!ruled[1].entry.is_decided_as(&ruled[1].decisions));
}

#[test]
fn the_header_says_how_old_a_session_is() {
    let header = json!({ "interlock.record": 1, "interlock.version": "0.1.0", "rules.sha256": "0",
        "interlock.mode": "enforce", "sessions": [{ "id": "4711-0a1b2", "started": "2026-11-21T11:00:00Z" }] });
    let record = record(&[header, connect(4, "backboard.railway.app")]).unwrap();
    let aged = "version: 1\nbuiltin: replace\nrules: [{ id: old, summary: s, on: connect, action: alert, \
                match: { session: { age: { over: 30m } } } }]\n";
    let rules = Arc::new(RuleSet::parse(&[("a.yaml".into(), aged.to_owned())]).unwrap());
    assert_eq!(decided(&record.judge(&rules)), ["alert old"]);
}

#[test]
fn events_that_nobody_judged_are_passed_over_and_approvals_settle_their_risk() {
    let mut approved = connect(5, "backboard.railway.app");
    let fields = approved.as_object_mut().unwrap();
    fields.insert("event.action".into(), "flow-released".into());
    fields.remove("interlock.mode");
    let mut raw = connect(3, "backboard.railway.app");
    raw.as_object_mut().unwrap().remove("interlock.mode");
    raw["event.action"] = "connect".into();
    raw.as_object_mut().unwrap().remove("interlock.hold.id");
    let record =
        record(&[json!({ "interlock.lost": 3 }), read_of(1), raw, connect(4, "x"), approved]).unwrap();
    assert_eq!((record.entries.len(), record.lost), (3, 3));
    assert!(matches!(&record.entries[2].fact, RecordedFact::Approved { hold } if hold == "h1"));
    assert_eq!(record.judge(&Arc::new(RuleSet::builtin().unwrap())).len(), 2);
}

#[test]
fn every_line_that_is_none_of_a_record_is_told() {
    let mut broken = read_of(1);
    broken["interlock.secret.grade"] = "D".into();
    let mut missing = connect(2, "x");
    missing.as_object_mut().unwrap().remove("destination.port");
    let text = format!("{broken}\n[]\nnot json\n{missing}\n");
    let problems = read("r.jsonl", text.as_bytes()).unwrap_err();
    let lines: Vec<String> = problems.iter().map(crate::problem::Problem::headline).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("r.jsonl:1:1: interlock.secret.grade: unknown variant `D`"), "{lines:?}");
    assert!(lines[1].starts_with("r.jsonl:2:1: found no JSON object"), "{lines:?}");
    assert!(lines[2].starts_with("r.jsonl:3:2: this is not JSON"), "{lines:?}");
    assert!(lines[3].starts_with("r.jsonl:4:1: destination.port: the field is missing"), "{lines:?}");
    let empty = read("r.jsonl", "\n".as_bytes()).unwrap_err().to_string();
    assert!(empty.contains("there is no event in it"), "{empty}");
    let long = vec![b' '; 2 << 20];
    assert!(read("r.jsonl", long.as_slice()).unwrap_err().to_string().contains("longer than"));
}

proptest::proptest! {
    /// An event with any field exchanged for anything: read, passed over or refused, and never a panic.
    #[test]
    fn no_line_panics(field in 0_usize..20, with in proptest::sample::select(vec!["null", "-1", "1e99", "[]", "{}", "\"\"", "true",
        "\"9999-12-31T23:59:59Z\"", "\"-9999-01-01T00:00:00Z\"", "18446744073709551615"]), garbage in ".{0,80}") {
        let mut event = connect(1, "x");
        let names: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
        event[&names[field % names.len()]] = serde_json::from_str(with).unwrap();
        for text in [format!("{event}\n"), garbage] {
            match read("r.jsonl", text.as_bytes()) {
                Ok(record) => { let _ = record.judge(&Arc::new(RuleSet::builtin().unwrap())); }
                Err(problems) => proptest::prop_assert!(!problems.is_empty()),
            }
        }
    }
}

#[test]
fn a_line_that_stands_for_several_deeds_is_judged_as_often_and_in_its_time() {
    let mut repeats = connect(40, "x");
    for (field, value) in [
        ("interlock.count", json!(3)),
        ("event.start", json!("2026-11-21T12:00:02Z")),
        ("event.end", json!("2026-11-21T12:00:06Z")),
    ] {
        repeats[field] = value;
    }
    let record = record(&[read_of(1), connect(5, "y"), repeats]).unwrap();
    let times: Vec<_> = record.entries.iter().map(|entry| (entry.time.to_string(), entry.line)).collect();
    let expected = [("01.5", 1), ("02", 3), ("04", 3), ("05.5", 2), ("06", 3)];
    assert_eq!(times, expected.map(|(second, line)| (format!("2026-11-21T12:00:{second}Z"), line)));
}

#[test]
fn events_that_the_daemon_has_no_more_are_missing_as_lost_ones_are() {
    let forgotten = json!({ "interlock.forgotten": 7, "interlock.session.id": "1-00000" });
    assert_eq!(record(&[forgotten, read_of(1)]).unwrap().lost, 7);
}
