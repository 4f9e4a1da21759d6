use serde_json::json;

use super::*;
use crate::stub::Arrived;

fn seen(events: &[Value]) -> Run {
    let mut run = Run::default();
    events.iter().for_each(|event| run.add(event));
    run
}

#[test]
fn a_session_is_kept_with_how_it_was_recognised() {
    let run = seen(&[
        json!({ "event.action": "session-started", "interlock.session.agent": "pi", "interlock.session.recognised_by": "script pi",
        "process.executable": "/home/lab/.nvm/bin/node", "process.args": ["node", "/home/lab/.nvm/bin/pi", "a", "b", "c", "d", "e"] }),
    ]);
    let session = &run.sessions[0];
    assert_eq!((session.agent.as_str(), session.by.as_str()), ("pi", "script pi"));
    assert_eq!(session.executable, "~/.nvm/bin/node");
    assert_eq!(session.args.len(), ARGS);
    assert!(run.stopped.is_empty() && run.alerts.is_empty());
}

#[test]
fn alerts_are_counted_by_rule_and_object_and_repeats_with_them() {
    let alert = |count: u64| {
        json!({ "event.action": "secret-read", "event.kind": "alert", "interlock.action": "alert", "interlock.count": count,
            "file.path": "/home/lab/.railway/config.json", "interlock.secret.foreign": true, "rule.id": ["foreign-secret-read"],
            "process.executable": "/usr/bin/cat" })
    };
    let run = seen(&[alert(1), alert(4)]);
    let expected = "foreign-secret-read: ~/.railway/config.json by cat";
    assert_eq!(run.alerts, BTreeMap::from([(expected.to_owned(), 5)]));
    assert_eq!(run.read, BTreeSet::from(["~/.railway/config.json by cat".to_owned()]));
}

#[test]
fn whatever_is_not_known_to_be_harmless_was_stopped() {
    for event in [
        json!({ "event.action": "flow-held", "destination.domain": "x" }),
        json!({ "event.action": "session-frozen" }),
        json!({ "event.action": "a-name-of-tomorrow" }),
        json!({ "event.action": "secret-read", "interlock.action": "deny" }),
        json!({ "event.action": "connect", "interlock.degraded": "hold", "interlock.action": "alert" }),
        json!({}),
    ] {
        assert_eq!(seen(std::slice::from_ref(&event)).stopped.len(), 1, "{event}");
    }
    let harmless = json!({ "event.action": "connect", "interlock.action": "allow", "event.kind": "event" });
    assert_eq!(seen(&[harmless]), Run::default());
}

#[test]
fn what_the_stage_saw_is_counted_by_where_it_went() {
    let exchange = |results: usize, tool: &str| Exchange {
        protocol: Protocol::Gemini,
        tools: vec![tool.into()],
        results,
    };
    let arrived = |host: &str, data: bool| Arrived { host: host.into(), data };
    let seen = Seen {
        exit: Some(0),
        exchanges: vec![exchange(0, "sh"), exchange(2, "sh"), exchange(0, "other")],
        arrived: vec![arrived("api.x", false), arrived("api.x", true), arrived("model.x", true)],
        names: BTreeMap::from([
            ("api.x".into(), [1, 1, 1, 1].into()),
            ("model.x".into(), [1, 1, 1, 2].into()),
            ("vm".into(), [1, 1, 1, 3].into()),
        ]),
        ..Seen::default()
    };
    let mut run = Run::default();
    let script = |tool: &str| Script {
        tool: tool.into(),
        commands: vec!["a".into(), "b".into(), "c".into()],
        ..Script::default()
    };
    run.finish(&seen, &script("sh"), &["api.x", "api.y"]);
    assert_eq!(run.commands, 2);
    assert!(run.tools.is_empty());
    assert_eq!(run.hosts, BTreeSet::from(["model.x".to_owned()]));
    let target = Target { connections: 2, with_data: 1 };
    assert_eq!(run.target, BTreeMap::from([("api.x".to_owned(), target)]));
    run.finish(&seen, &script(""), &["api.x"]);
    assert_eq!(run.commands, 3, "told in its text");
    run.finish(&seen, &script("bash"), &[]);
    assert_eq!(run.tools, BTreeSet::from(["other".to_owned(), "sh".to_owned()]));
}

#[test]
fn variables_are_those_that_the_agent_added() {
    let environment = b"HOME=/home/lab\0CODEX_CI=1\0OLDPWD=/\0AI_AGENT=claude-code_2-1_agent\0X_ID=8f1b2c3d-0000\0PATH=/x:/y\0\
                        PAGER=cat\0noise\0";
    let had = BTreeMap::from([("HOME", "/home/lab"), ("PATH", "/y"), ("PAGER", "less")]);
    let had = had.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(
        variables(environment, &had),
        ["AI_AGENT=claude-code_2-1_agent", "CODEX_CI=1", "PAGER=cat", "X_ID=…"]
    );
}
