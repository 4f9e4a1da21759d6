//! What a real session teaches, and what it must not.

use std::{fs, process::Output};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
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
    let session = ended(&daemon, 1)["session.id"].as_str().unwrap().to_owned();

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
    let second = ended(&daemon, 2)["session.id"].clone();
    let events = daemon.json(&["events"]);
    let of_it: Vec<&Value> =
        events.as_array().unwrap().iter().filter(|event| event["session.id"] == second).collect();
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
    let session = ended(&daemon, 1)["session.id"].as_str().unwrap().to_owned();
    let said = suggest(&daemon, &session, &[]);
    assert_eq!((said.status.code(), said.stdout.len()), (Some(1), 0), "{}", text(&said));
    for expected in ["nothing is learned from session", "it tripped at", "flow-denied h1 by uid 0"] {
        assert!(text(&said).contains(expected), "{expected} is missing: {}", text(&said));
    }
}
