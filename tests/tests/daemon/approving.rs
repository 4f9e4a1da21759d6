//! What a decision stands on: the evidence that was shown, and the reason that was given.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};

/// Whether a hold's evidence is what the script of `docs/audit.md` computes from what `interlock holds --output json` prints.
fn is_evidence_of(hold: &Value) -> bool {
    let document = include_str!("../../../docs/audit.md");
    let blocks: Vec<&str> = document.split("```python\n").skip(1).collect();
    let [block] = blocks[..] else { panic!("one script is documented, and not {}", blocks.len()) };
    let script = block.split("```").next().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("[{hold}]").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert!(output.status.success() || said.contains("AssertionError"), "{said}");
    output.status.success()
}

#[test]
fn evidence_that_was_shown_of_one_hold_approves_no_other() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let request = curl(&server, "");
    let script =
        format!("{READ_SECRET}; {request} & until test -e ~/go; do sleep 0.1; done; {request} -H 'x: y'");
    let _agent = home.run(&daemon, &script);
    let id = daemon.the_hold();
    let first = daemon.holds().remove(0);
    let token = first["evidence"].as_str().unwrap().to_owned();
    assert!(is_evidence_of(&first), "{first}");
    let mut other = first.clone();
    other["destination"] = "x".into();
    assert!(!is_evidence_of(&other), "it is about what was shown");
    assert!(first["evidence_sha256"].as_str().unwrap().starts_with(&token) && token.len() == 16);
    assert_eq!(daemon.the_event("flow-held")["interlock.hold.evidence"], token.as_str());

    let moved = daemon.cli(&["approve", &id, "--evidence", "0123456789abcdef"]);
    assert_eq!(moved.status.code(), Some(1), "{}", text(&moved));
    assert!(text(&moved).contains("is not what you were shown"), "{}", text(&moved));
    fs::write(home.path().join("go"), "").unwrap();
    let both = wait::until("another program joins", || match daemon.holds().as_slice() {
        [hold] if hold["others"].as_array().is_some_and(|others| others.len() == 1) => Ok(hold.clone()),
        other => Err(other.to_vec()),
    });
    let joined = daemon.cli(&["approve", &id, "--evidence", &token]);
    assert_eq!(joined.status.code(), Some(1), "what was shown is not all that waits: {}", text(&joined));
    wait::throughout("held", std::time::Duration::from_millis(300), || server.silent());

    assert!(is_evidence_of(&both), "{both}");
    let explained = text(&daemon.cli(&["explain", &id]));
    assert!(explained.contains(both["evidence"].as_str().unwrap()), "{explained}");
    let reason = "ticket OPS-7: ours";
    daemon.expect(&["approve", &id, "--evidence", both["evidence"].as_str().unwrap(), "--reason", reason]);
    let record = daemon.records("approve").remove(0);
    assert_eq!(record["detail"]["evidence"], both["evidence_sha256"]);
    assert_eq!(record["detail"]["reason"], reason);
    let released = daemon.the_event("flow-released");
    assert_eq!(
        (&released["interlock.hold.reason"], &released["interlock.hold.evidence"]),
        (&reason.into(), &both["evidence"])
    );
    assert_eq!(daemon.json(&["holds", "--all"])[0]["reason"], reason);
}

#[test]
fn a_denial_says_why_and_bad_words_are_refused() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 30", curl(&server, "")));
    let id = daemon.the_hold();
    for bad in ["", "a\u{1b}[2Jb", &"x".repeat(501)] {
        let refused = daemon.cli(&["deny", &id, "--reason", bad]);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    }
    let raw = daemon.asked(0, "POST", &format!("holds/{id}/deny"), r#"{"reason":"a\u001b[2J"}"#);
    assert_eq!(raw.0, 422, "{}", raw.1);
    daemon.expect(&["deny", &id, "--reason", "not ours"]);
    assert_eq!(daemon.records("deny")[0]["detail"]["reason"], "not ours");
    assert_eq!(daemon.the_event("flow-denied")["interlock.hold.reason"], "not ours");
    server.silent().unwrap();
}

#[test]
fn what_is_granted_is_listed_and_counted_and_ends_when_it_is_revoked() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let request = curl(&server, "");
    let script = format!(
        "{READ_SECRET}; for i in 1 2 3; do {request}; echo done $i $?; until test -e ~/go$i; do sleep 0.1; done; done"
    );
    let agent = home.run(&daemon, &script);
    let id = daemon.the_hold();
    let unasked = daemon.cli(&["approve", &id, "--provider"]);
    assert_eq!(unasked.status.code(), Some(2), "for how long: {}", text(&unasked));
    daemon.expect(&["approve", &id, "--times", "5"]);
    agent.says("done 1 0");
    let grants = daemon.json(&["grants"]);
    assert_eq!((&grants[0]["left"], &grants[0]["until"]), (&5.into(), &Value::Null), "{grants}");
    assert_eq!(grants[0]["covers"], format!("connect backboard.railway.app:{}", server.port()));
    fs::write(home.path().join("go1"), "").unwrap();
    agent.says("done 2 0");
    assert_eq!(daemon.json(&["grants"])[0]["left"], 4);
    let grant = grants[0]["id"].as_str().unwrap();
    daemon.expect(&["revoke", grant]);
    assert_eq!(daemon.json(&["grants"]), serde_json::json!([]));
    let again = daemon.cli(&["revoke", grant]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again));
    let before = server.seen().bytes;
    fs::write(home.path().join("go2"), "").unwrap();
    let held = daemon.the_hold();
    assert_ne!(held, id);
    wait::throughout("held", std::time::Duration::from_millis(500), || match server.seen().bytes {
        bytes if bytes == before => Ok(()),
        bytes => Err(bytes),
    });
    assert_eq!(daemon.records("revoke")[0]["detail"]["grant"], grant);
    assert_eq!(daemon.the_event("grant-revoked")["interlock.grant.id"], grant);
    assert!(!agent.output().contains("done 3"), "{}", agent.output());
}

#[test]
fn who_comes_too_late_is_told_who_decided_what_and_when_and_why() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo over", curl(&server, "")));
    let id = daemon.the_hold();
    daemon.expect(&["deny", &id, "--reason", "not ours"]);
    let late = daemon.cli(&["approve", &id]);
    assert_eq!(late.status.code(), Some(1), "{}", text(&late));
    for part in ["was denied by uid 0 at 2", "not ours"] {
        assert!(text(&late).contains(part), "{}", text(&late));
    }
    assert!(agent.finish().contains("over"));
    let _ = daemon.the_event("session-ended");
    let after = daemon.cli(&["deny", &id]);
    assert!(text(&after).contains("was denied by uid 0"), "also when its session is over: {}", text(&after));
    assert_eq!(daemon.json(&["holds", "--all"])[0]["reason"], "not ours");
}
