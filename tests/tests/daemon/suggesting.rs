//! What a real session teaches, and what it must not.

use std::{fs, process::Output};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::{Value, json};

/// A daemon with the built-in rules and a directory for more.
fn daemon() -> Daemon {
    let rules = "version: 1\nlists:\n  nobody: [nobody.example]\n";
    Daemon::start(&Settings { rules: Some(rules.to_owned()), ..Settings::default() })
}

fn suggest(daemon: &Daemon, session: &str, more: &[&str]) -> Output {
    let rules = daemon.dir().join("rules");
    daemon.cli(&[&["suggest", session, "--rules", rules.to_str().unwrap()], more].concat())
}

/// Ends of sessions so far.
fn ended(daemon: &Daemon, count: usize) -> Value {
    wait::until("the session's end", || match daemon.events("session-ended") {
        ends if ends.len() == count => Ok(ends[count - 1].clone()),
        ends => Err((ends, daemon.json(&["events"]))),
    })
}

fn read_and_send(home: &Home, daemon: &Daemon, server: &Server, host: &str) -> Running {
    let request = curl(server, "").replace("backboard.railway.app", host);
    home.run(daemon, &format!("{READ_SECRET}; {request}"))
}

#[test]
fn an_approved_session_is_silent_with_what_is_suggested_and_another_is_held_as_before() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (daemon(), Home::new(), Server::start());
    let host = "backboard.railway.app";
    let mut agent = read_and_send(&home, &daemon, &server, host);
    daemon.expect(&["approve", &daemon.the_hold()]);
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    let session = ended(&daemon, 1)["interlock.session.id"].as_str().unwrap().to_owned();

    let listed = suggest(&daemon, &session, &["--output", "json"]);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed));
    let learned: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let proposals = learned["proposals"].as_array().unwrap();
    let rules: Vec<&Value> = proposals.iter().map(|proposal| &proposal["rule"]).collect();
    assert_eq!(rules, ["foreign-secret-read", "infra-after-foreign-secret"], "{learned}");
    for proposal in proposals {
        assert_eq!(proposal["corpus"]["let_through"], json!([]), "{proposal}");
        assert!(proposal["corpus"]["stopped"].as_u64() >= Some(60), "{proposal}");
        let stays = proposal["stays"].to_string();
        assert!(stays.contains("any other program") && stays.contains("any other arguments"), "{proposal}");
    }

    let file = suggest(&daemon, &session, &[]);
    let path = daemon.dir().join("rules/suggested.yaml");
    fs::write(&path, &file.stdout).unwrap();
    let checked = daemon.cli(&["rules", "check", daemon.dir().join("rules").to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    daemon.expect(&["rules", "reload"]);

    let mut again = read_and_send(&home, &daemon, &server, host);
    assert!(again.finish().contains("ok"), "{}", again.output());
    let second = ended(&daemon, 2)["interlock.session.id"].clone();
    let events = daemon.json(&["events"]);
    let of_it: Vec<&Value> =
        events.as_array().unwrap().iter().filter(|event| event["interlock.session.id"] == second).collect();
    assert!(of_it.iter().any(|event| event["event.action"] == "secret-read"), "{of_it:?}");
    assert!(of_it.iter().all(|event| event["event.kind"] != "alert"), "{of_it:?}");
    let nothing = suggest(&daemon, second.as_str().unwrap(), &[]);
    assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing));
    assert!(text(&nothing).contains("no exception to propose"), "{}", text(&nothing));

    let arrived = server.seen().requests.len();
    let _other = read_and_send(&home, &daemon, &server, "api.vercel.com");
    let hold = daemon.the_hold();
    assert_eq!(server.seen().requests.len(), arrived);
    daemon.expect(&["deny", &hold]);
}

#[test]
fn nothing_is_suggested_from_a_session_that_a_person_denied() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (daemon(), Home::new(), Server::start());
    let mut agent = read_and_send(&home, &daemon, &server, "backboard.railway.app");
    daemon.expect(&["deny", &daemon.the_hold()]);
    let _ = agent.finish();
    let session = ended(&daemon, 1)["interlock.session.id"].as_str().unwrap().to_owned();
    let said = suggest(&daemon, &session, &[]);
    assert_eq!((said.status.code(), said.stdout.len()), (Some(1), 0), "{}", text(&said));
    for expected in ["nothing is learned from session", "it tripped at", "flow-denied h1 by uid 0"] {
        assert!(text(&said).contains(expected), "{expected} is missing: {}", text(&said));
    }
}

/// A daemon with one rule about a program that does one thing, which is to be `action`.
fn about_execs(action: &str) -> Daemon {
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - {{ id: counts, summary: It counts., on: exec, match: {{ process: {{ executable: \"**/seq\" }} }}, \
         {action} }}\n"
    );
    Daemon::start(&Settings { rules: Some(rules), ..Settings::default() })
}

/// Takes what is suggested from the ended session among the rules; returns it as it is written.
fn adopt(daemon: &Daemon, session: &Value) -> String {
    let file = suggest(daemon, session["interlock.session.id"].as_str().unwrap(), &[]);
    assert_eq!(file.status.code(), Some(0), "{}", text(&file));
    fs::write(daemon.dir().join("rules/suggested.yaml"), &file.stdout).unwrap();
    daemon.expect(&["rules", "reload"]);
    String::from_utf8(file.stdout).unwrap()
}

#[test]
fn an_exec_is_suggested_with_its_arguments_and_others_are_told_as_before() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (about_execs("action: alert"), Home::new());
    let _ = home.run(&daemon, "seq 7 7; :").finish();
    let file = adopt(&daemon, &ended(&daemon, 1));
    assert!(file.contains("/seq\", argv: \"seq 7 7\" }"), "{file}");
    let _ = home.run(&daemon, "seq 7 7; seq 8 8; :").finish();
    let second = ended(&daemon, 2)["interlock.session.id"].clone();
    let events = daemon.events("exec");
    let events: Vec<&Value> = events.iter().filter(|event| event["interlock.session.id"] == second).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["process.args"], json!(["seq", "8", "8"]));
}

#[test]
fn a_held_exec_that_was_approved_is_suggested_with_its_arguments_and_others_are_held_as_before() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (about_execs("action: hold, timeout: { after: 600s, then: deny }"), Home::new());
    if daemon.backend("gate-execute") != Backend::Lsm {
        return not_here("an exec is seen after it began");
    }
    let mut agent = home.run(&daemon, "seq 7 7; echo exit $?");
    let hold = daemon.the_hold();
    assert_eq!(daemon.the_event("syscall-held")["process.args"], json!(["seq", "7", "7"]));
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("exit 0"), "{}", agent.output());
    let file = adopt(&daemon, &ended(&daemon, 1));
    assert!(file.contains("/seq\", argv: \"seq 7 7\" }"), "{file}");
    let mut again = home.run(&daemon, "seq 7 7; echo first; seq 8 8; echo second $?");
    let hold = daemon.the_hold();
    assert!(again.output().contains("first") && !again.output().contains("second"), "{}", again.output());
    daemon.expect(&["deny", &hold]);
    assert!(again.finish().contains("second 126"), "{}", again.output());
}
