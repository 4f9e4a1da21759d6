//! Records that survive: files that another program takes away, alerts behind many connections, repeats.

use std::{collections::BTreeSet, fs, path::PathBuf};

use interlock::ledger::verify_all;
use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings, text},
    is_root, wait,
};
use serde_json::Value;

/// Reads a secret in a session of its own, and waits until that is told.
fn read_a_secret(daemon: &Daemon, home: &Home) {
    let before = daemon.events("session-ended").len();
    let mut agent = home.run(daemon, "cat ~/.railway/config.json; echo done");
    assert!(agent.finish().contains("done"), "{}", agent.output());
    wait::until("the session's end", || {
        let ended = daemon.events("session-ended").len();
        if ended > before { Ok(()) } else { Err(daemon.json(&["events"])) }
    });
}

fn state(daemon: &Daemon, file: &str) -> PathBuf {
    daemon.dir().join("state").join(file)
}

/// A count of the daemon's metrics; 0 where there is none.
fn counted(daemon: &Daemon, metric: &str) -> u64 {
    let count = daemon.metrics().lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok());
    count.unwrap_or(0)
}

fn is_there(daemon: &Daemon, file: &str) {
    wait::until(file, || {
        let found = fs::read_to_string(state(daemon, file)).unwrap_or_default();
        if found.is_empty() { Err(daemon.log()) } else { Ok(()) }
    });
}

#[test]
fn files_that_were_renamed_are_begun_anew_and_the_ledger_goes_on() {
    if !is_root() {
        return;
    }
    let (mut daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    read_a_secret(&daemon, &home);
    for file in ["events.jsonl", "ledger.jsonl"] {
        fs::rename(state(&daemon, file), state(&daemon, &format!("{file}-1"))).unwrap();
    }
    // Without a signal, and without anything that is written: it looks by itself.
    is_there(&daemon, "ledger.jsonl");
    let (older, newer) = (state(&daemon, "ledger.jsonl-1"), state(&daemon, "ledger.jsonl"));
    assert_eq!(daemon.the_event("ledger-rotated")["event.kind"], "event", "nothing is lost by a name");
    wait::until("events are written to a new file", || {
        read_a_secret(&daemon, &home);
        if state(&daemon, "events.jsonl").exists() { Ok(()) } else { Err(daemon.log()) }
    });
    for file in ["events", "ledger"] {
        wait::until(file, || {
            let metric = format!("interlock_file_changes_total{{change=\"renamed\",file=\"{file}\"}}");
            if counted(&daemon, &metric) == 1 { Ok(()) } else { Err(daemon.log()) }
        });
    }
    daemon.kill();
    let whole = verify_all(&[&older, &newer]).unwrap();
    daemon.start_again();
    assert!(verify_all(&[&older, &newer]).unwrap().head.seq > whole.head.seq);
    assert!(verify_all(&[&newer]).is_err(), "alone it is not the whole");
}

#[test]
fn a_ledger_that_is_removed_is_an_alert() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    fs::remove_file(state(&daemon, "ledger.jsonl")).unwrap();
    daemon.expect(&["rules", "reload"]);
    let reported = daemon.the_event("ledger-rotated");
    assert_eq!(
        (&reported["event.kind"], &reported["interlock.ledger.change"]),
        (&"alert".into(), &"removed".into()),
        "{reported}"
    );
    is_there(&daemon, "ledger.jsonl");
    assert_eq!(counted(&daemon, "interlock_file_changes_total{change=\"removed\",file=\"ledger\"}"), 1);
}

#[test]
fn what_repeats_is_told_once_and_counted() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent =
        home.run(&daemon, "for i in $(seq 20); do cat ~/.railway/config.json > /dev/null; done; echo done");
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    let reported = daemon.events("secret-read");
    assert_eq!((reported.len(), &reported[0]["interlock.count"]), (1, &20.into()), "{reported:#?}");
    assert_eq!(counted(&daemon, "interlock_events_total{kind=\"open\"}"), 20, "metrics count each");
    // The file has the first, and how often it was after that; the end of the session does not wait for the minute.
    wait::until("the file has both lines", || {
        let file = fs::read_to_string(state(&daemon, "events.jsonl")).unwrap();
        let lines = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let reads: Vec<Value> = lines.filter(|line| line["event.action"] == "secret-read").collect();
        let [first, rest] = &reads[..] else { return Err(reads) };
        assert_eq!(
            (&rest["interlock.count"], &rest["interlock.repeats"]),
            (&19.into(), &first["event.id"]),
            "{rest}"
        );
        assert!(
            first.get("interlock.count").is_none()
                && rest["event.end"].as_str() >= rest["event.start"].as_str()
        );
        Ok(())
    });
    daemon.expect(&["explain", reported[0]["event.id"].as_str().unwrap()]);
}

/// To many addresses, so that none is like another.
#[test]
fn an_alert_is_still_told_after_thousands_of_connections() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let script = "cat ~/.railway/config.json; exec python3 -c \"\nimport socket\ns = socket.socket()\ns.bind(('0.0.0.0', 0))\n\
                  s.listen(64)\nfor i in range(3000):\n    c = socket.create_connection(('127.9.%d.%d' % (i // 250, i % 250 + 1), \
                  s.getsockname()[1]))\n    s.accept()[0].close()\n    c.close()\nprint('done')\"";
    let mut agent = home.run(&daemon, script);
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    let events = daemon.json(&["events"]);
    let actions: BTreeSet<&str> =
        events.as_array().unwrap().iter().filter_map(|event| event["event.action"].as_str()).collect();
    assert!(
        ["session-started", "secret-read", "session-ended"].iter().all(|one| actions.contains(one)),
        "{actions:?}"
    );
    let listed = daemon.cli(&["events"]);
    assert!(String::from_utf8_lossy(&listed.stderr).contains("older events match too"), "{}", text(&listed));
}
