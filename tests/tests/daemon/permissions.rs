//! Who may ask for what.

use std::{fs, os::unix::fs::PermissionsExt as _};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
};

#[test]
fn a_process_of_a_session_is_refused_also_through_a_child_that_ends() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let socket = daemon.socket().display().to_string();
    let ask = format!("curl -s -o /dev/null -w '%{{http_code}} ' --unix-socket {socket} http://x/v1/status");
    let approve =
        format!("curl -s -X POST -w '%{{http_code}} ' --unix-socket {socket} http://x/v1/holds/h1/approve");
    let script = format!(
        "{READ_SECRET}; {} & while ! {ask} | grep -q 403; do :; done; {approve}; (setsid {ask} &); sleep 1; echo asked",
        curl(&server, "")
    );
    let agent = home.run(&daemon, &script);
    let _ = daemon.the_hold();
    agent.says("asked");
    assert!(agent.output().contains("403"), "{}", agent.output());
    let answers = agent.output();
    assert!(!answers.split_whitespace().any(|word| word == "200"), "{answers}");
    assert_eq!(daemon.holds().len(), 1, "nothing was approved");
    server.silent().unwrap();
}

/// Sends three requests on each of 40 connections, and tells how many of each are answered.
const INSISTENT: &str = r#"
import os, socket, sys
answered = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX); s.settimeout(9); s.connect(sys.argv[1]); seen = b''
    try:
        s.sendall(b'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n' * 3)
        while piece := s.recv(65536): seen += piece
    except OSError as error: seen += type(error).__name__.encode()
    answered.append((seen.count(b'HTTP/1.1 403'), b'TimeoutError' in seen))
    if len(answered) == 1 and answered[0][1]: break
print(answered.count((1, False)), 'of', len(answered), answered[0])
"#;

#[test]
fn a_session_that_insists_on_asking_fills_no_log_and_keeps_no_connection() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    fs::write(home.path().join("insist.py"), INSISTENT).unwrap();
    let script = format!("python3 ~/insist.py {}; echo asked; sleep 60", daemon.socket().display());
    let agent = home.run(&daemon, &script);
    agent.says("asked");
    assert!(agent.output().contains("40 of 40"), "{}", agent.output());
    let counts = |daemon: &Daemon| -> Vec<u64> {
        daemon
            .events("tamper")
            .iter()
            .map(|event| event["interlock.tamper.requests"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(counts(&daemon), [1], "{:?}", daemon.events("tamper"));
    assert_eq!(daemon.log().matches("asked to control Interlock").count(), 1, "{}", daemon.log());
    drop(agent);
    let _ = daemon.the_event("session-ended");
    assert_eq!(counts(&daemon), [1, 39], "what was only counted is told at the end");
}

/// The answer's body and status to a user other than root.
fn asked_by(uid: u32, daemon: &Daemon, method: &str, path: &str) -> String {
    let (status, body) = daemon.asked(uid, method, path, "");
    format!("{body} {status}")
}

#[test]
fn a_named_approver_sees_and_decides_and_others_learn_nothing() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { more: "approvers = [12345]\n".into(), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 30", curl(&server, "")));
    let hold = daemon.the_hold();
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    for (path, what) in [("sessions", &session), ("holds", &hold)] {
        let seen = asked_by(12345, &daemon, "GET", path);
        assert!(seen.contains(what.as_str()), "{path}: {seen}");
        let seen = asked_by(12346, &daemon, "GET", path);
        assert!(seen.ends_with("[] 200"), "{path}: {seen}");
    }
    let denied = asked_by(12346, &daemon, "POST", &format!("holds/{hold}/deny"));
    assert!(denied.ends_with(" 404"), "{denied}");
    let unknown = asked_by(12346, &daemon, "POST", "sessions/none/freeze");
    assert!(unknown.ends_with(" 404") && !unknown.contains(&session), "{unknown}");
    let explained = asked_by(12345, &daemon, "GET", &format!("explain/{hold}"));
    assert!(explained.ends_with(" 200"), "{explained}");
    let denied = asked_by(12345, &daemon, "POST", &format!("holds/{hold}/deny"));
    assert!(denied.ends_with(" 200"), "{denied}");
    let frozen = asked_by(12345, &daemon, "POST", &format!("sessions/{session}/freeze"));
    assert!(frozen.ends_with(" 200"), "{frozen}");
}

#[test]
fn what_does_not_exist_is_said_with_what_does() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 30", curl(&server, "")));
    let hold = daemon.the_hold();
    let unknown = daemon.cli(&["approve", "h99"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains(&hold), "{}", text(&unknown));
    daemon.expect(&["deny", &hold]);
    let late = daemon.cli(&["approve", &hold]);
    assert_eq!(late.status.code(), Some(1));
    assert!(text(&late).contains("denied"), "{}", text(&late));
    let explained = daemon.cli(&["explain", &hold]);
    let explained = text(&explained);
    for part in ["infra-after-foreign-secret", ".railway/config.json", "backboard.railway.app"] {
        assert!(explained.contains(part), "{explained}");
    }
}

#[test]
fn rules_with_a_mistake_never_replace_rules_that_work() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: one, summary: s, on: exec, match: {agent: x}, action: alert}\n";
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), ..Settings::default() });
    let before = daemon.json(&["status"])["rules"]["sha256"].clone();
    std::fs::write(daemon.dir().join("rules/test.yaml"), rules.replace("alert", "alarm")).unwrap();
    let refused = daemon.cli(&["rules", "reload"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("alarm"), "{}", text(&refused));
    let status = daemon.json(&["status"]);
    assert_eq!(status["rules"]["sha256"], before);
    assert!(status["rules"]["problem"].as_str().unwrap().contains("test.yaml:4"), "{status}");
    std::fs::write(daemon.dir().join("rules/test.yaml"), rules.replace("one", "two")).unwrap();
    daemon.expect(&["rules", "reload"]);
    assert_ne!(daemon.json(&["status"])["rules"]["sha256"], before);
}

#[test]
fn nobody_else_sees_the_state_or_takes_its_lock() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let mode = |path: &str| std::fs::metadata(daemon.dir().join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("state"), 0o700);
    assert_eq!(mode("state/lock"), 0o600);
}
