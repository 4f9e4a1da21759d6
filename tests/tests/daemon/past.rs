//! Events of the past: from the files, by whoever may see them.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output},
};

use interlock_tests::{
    agent::{Home, READ_SECRET},
    daemon::{Daemon, Settings, binary, text},
    is_root, wait,
};
use serde_json::Value;

fn lines(output: &Output) -> Vec<Value> {
    let lines = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    lines.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event.action"].as_str()).collect()
}

/// A session that has ended, by its id.
fn a_session(daemon: &Daemon, home: &Home) -> String {
    let _ = home.run(daemon, READ_SECRET).finish();
    daemon.the_event("session-ended")["interlock.session.id"].as_str().unwrap().to_owned()
}

/// What an earlier daemon told is asked of a later one, and of nobody.
#[test]
fn what_an_earlier_daemon_told_is_read_from_its_files() {
    if !is_root() {
        return;
    }
    let (mut daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let session = a_session(&daemon, &home);
    daemon.kill();
    // Its last line was not finished, and another program has renamed the file.
    let state = daemon.dir().join("state");
    let mut file = fs::OpenOptions::new().append(true).open(state.join("events.jsonl")).unwrap();
    file.write_all(b"{\"event.id\":\"cut").unwrap();
    fs::rename(state.join("events.jsonl"), state.join("events.jsonl-1")).unwrap();
    daemon.start_again();

    let json = |args: &[&str]| daemon.cli(&[&["events", "--output", "json"], args].concat());
    let all = json(&["--since", "1h", "--session", &session]);
    let events = lines(&all);
    assert_eq!(actions(&events).first(), Some(&"session-started"), "{events:#?}");
    assert_eq!(actions(&events).last(), Some(&"session-ended"), "{events:#?}");
    assert!(text(&all).contains("1 lines of the files are no events"), "{}", text(&all));
    assert!(events.iter().all(|event| event["user.id"] == "0"), "{events:#?}");
    let told = json(&["--rule", "foreign-secret-read", "--alerts"]);
    assert_eq!(actions(&lines(&told)), ["secret-read"], "{}", text(&told));
    assert_eq!(actions(&lines(&json(&["--limit", "1"]))), ["session-ended"]);
    assert_eq!(lines(&json(&["--since", "1h", "--until", "30m"])), [] as [Value; 0]);
    // Both ways print one form, with the day.
    let listed = daemon.cli(&["events", "--kind", "secret-read"]);
    let line = String::from_utf8_lossy(&listed.stdout).into_owned();
    let at = line.split("  ").next().unwrap();
    assert_eq!((at.len(), at.matches('-').count()), ("2026-11-30 10:00:00.000".len(), 2), "{line}");

    let recorded = daemon.cli(&["record", &session]);
    assert!(text(&recorded).contains("secret-read"), "{}", text(&recorded));

    daemon.kill();
    let alone = Command::new(binary())
        .arg("--config")
        .arg(daemon.dir().join("config.toml"))
        .args(["events", "--kind", "secret-read", "--output", "json"])
        .output()
        .unwrap();
    assert_eq!(actions(&lines(&alone)), ["secret-read"], "{}", text(&alone));
    assert!(text(&alone).contains("no daemon answers"), "{}", text(&alone));
    daemon.start_again();
}

/// A line of the file that does not say whose it is, as older daemons wrote them, is root's alone.
#[test]
fn everybody_sees_the_events_of_their_own_sessions_from_memory_and_files() {
    if !is_root() {
        return;
    }
    let (mut daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let roots = a_session(&daemon, &home);
    // A session of another user's, in the file.
    daemon.kill();
    let path = daemon.dir().join("state/events.jsonl");
    let written = fs::read_to_string(&path).unwrap();
    let theirs = written
        .replace(&roots, "77-00000")
        .replace("\"user.id\":\"0\"", "\"user.id\":\"12345\"")
        .replace("\"event.id\":\"e", "\"event.id\":\"e9");
    let unowned =
        "{\"event.id\":\"e8000\",\"event.action\":\"exec\",\"interlock.session.id\":\"78-00000\"}\n";
    fs::write(&path, format!("{written}{theirs}{unowned}")).unwrap();
    daemon.start_again();

    let of_all = daemon.asked(0, "GET", "events?files=true", "").1;
    for session in [roots.as_str(), "77-00000", "78-00000"] {
        assert!(of_all.contains(session), "{session}: {of_all}");
    }
    let of_theirs = daemon.asked(12345, "GET", "events?files=true", "").1;
    assert!(of_theirs.contains("77-00000"), "{of_theirs}");
    assert!(!of_theirs.contains(&roots) && !of_theirs.contains("78-00000"), "{of_theirs}");
    let _live = home.run(&daemon, &format!("{READ_SECRET}; sleep 30"));
    let _ = daemon.the_event("secret-read");
    wait::until("root's memory is told", || {
        let told = daemon.asked(0, "GET", "events", "").1;
        if told.contains("secret-read") { Ok(()) } else { Err(told) }
    });
    for uid in [12345, 12346] {
        assert_eq!(daemon.asked(uid, "GET", "events", "").1, "", "{uid}");
    }
    assert_eq!(daemon.asked(12346, "GET", "events?files=true", "").1, "");
}
