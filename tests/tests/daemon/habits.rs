//! What libraries read by habit, what a listing of processes opens, and sessions that nobody answers for.

use std::fs;

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

fn netrc(home: &Home) {
    fs::write(home.path().join(".netrc"), "machine api.example.com login ann password not-real\n").unwrap();
}

/// A request that names `host`.
fn request(server: &Server, host: &str) -> String {
    format!("curl -sS -m 20 -H 'Host: {host}' http://127.0.0.1:{}/", server.port())
}

#[test]
fn what_a_library_reads_by_habit_is_told_and_holds_only_where_it_is_used() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    netrc(&home);
    fs::write(home.path().join("work/notify.py"), "import netrc; netrc.netrc()\n").unwrap();
    let script = format!(
        "python3 notify.py; {}; {}; echo passed; {}",
        request(&server, "api.github.com"),
        request(&server, "hooks.slack.com"),
        request(&server, "api.heroku.com"),
    );
    let agent = home.run(&daemon, &script);
    let _ = daemon.the_hold();
    agent.says("passed");
    let read = daemon.the_event("secret-read");
    assert_eq!(read["interlock.secret.habit_for"], serde_json::json!(["heroku"]), "{read}");
    assert_eq!(read["rule.id"], serde_json::json!(["foreign-secret-read"]), "told when it happened");
    assert_eq!(server.seen().requests.len(), 2, "what is not held has arrived");
}

#[test]
fn a_one_liner_that_names_the_store_is_no_habit() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    netrc(&home);
    let script = format!("python3 -c 'import netrc; netrc.netrc()'; {}", request(&server, "api.github.com"));
    let _agent = home.run(&daemon, &script);
    let _ = daemon.the_hold();
    server.silent().unwrap();
}

#[test]
fn a_listing_that_shows_no_environment_is_none_read() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent =
        home.run(&daemon, "ps -C node; ps -o pid,cmd -C postgres; ps aux > all; cat ~/.railway/config.json");
    let _ = agent.finish();
    // In the order of what happened: behind this nothing of the listings comes.
    let _ = daemon.the_event("secret-read");
    assert_eq!(daemon.events("environment-read"), [] as [serde_json::Value; 0]);
}

#[test]
fn where_nobody_answers_a_hold_is_denied_at_once_and_the_job_goes_on() {
    if !is_root() {
        return;
    }
    let settings = Settings { unattended: true, ..Settings::default() };
    let (daemon, home, server) = (Daemon::start(&settings), Home::new(), Server::start());
    let first = curl(&server, "");
    let script = format!("{READ_SECRET}; {first}; echo first $?; {first}; echo second $?; echo went on");
    let mut agent = home.run(&daemon, &script);
    let output = agent.finish();
    assert!(
        output.contains("first 56") && output.contains("second 56") && output.contains("went on"),
        "{output}"
    );
    server.silent().unwrap();
    let expired = wait::until("both are told", || match daemon.events("hold-expired") {
        events if events.len() == 2 => Ok(events),
        events => Err(events),
    });
    let by = expired[0]["interlock.hold.decided_by"].as_str().unwrap();
    assert_eq!(by, "nobody: unattended = \"always\"");
    let started = daemon.the_event("session-started");
    assert_eq!(started["interlock.session.unattended"], "unattended = \"always\"", "{started}");
    let holds = daemon.json(&["holds", "--all"]);
    assert_eq!((&holds[0]["state"], &holds[0]["then"]), (&"expired".into(), &"deny".into()), "{holds}");
    assert!(daemon.events("session-frozen").is_empty());
}
