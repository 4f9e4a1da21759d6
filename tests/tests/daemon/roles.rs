//! Who may do what: the table of `docs/operations.md`, route by role, by asking each as each.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, binary, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

/// Users that own no session and need no entry in the user database.
const VIEWER: u32 = 12001;
const APPROVER: u32 = 12002;
const ADMIN: u32 = 12003;
const LIMITED: u32 = 12004;
const NOBODY: u32 = 12005;

const ROLES: &str =
    "[roles]\nviewer = [12001]\napprover = [12002, { who = 12004, up_to = \"high\" }]\nadmin = [12003]\n";

#[test]
fn each_route_takes_what_its_role_may_ask() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { more: ROLES.into(), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 60", curl(&server, "")));
    let hold = daemon.the_hold();
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    let status = |uid, method, path: &str| daemon.asked(uid, method, path, "").0;
    // What is seen.
    for (path, what) in [("sessions", &session), ("holds?peek=true", &hold)] {
        for (uid, sees) in [(VIEWER, true), (APPROVER, true), (ADMIN, true), (LIMITED, true), (NOBODY, false)]
        {
            let (code, body) = daemon.asked(uid, "GET", path, "");
            assert_eq!((code, body.contains(what.as_str())), (200, sees), "{uid} {path}: {body}");
        }
    }
    let explain = format!("explain/{hold}?peek=true");
    assert_eq!([VIEWER, NOBODY].map(|uid| status(uid, "GET", &explain)), [200, 404]);
    let events = |uid| daemon.asked(uid, "GET", "events", "").1.contains("flow-held");
    assert_eq!([VIEWER, APPROVER, NOBODY].map(events), [true, true, false]);
    // What is done, from those who may not to those who may.
    let approve = format!("holds/{hold}/approve");
    assert_eq!([NOBODY, VIEWER].map(|uid| status(uid, "POST", &approve)), [404, 403]);
    let (code, body) = daemon.asked(LIMITED, "POST", &approve, "");
    assert_eq!((code, body.contains("beyond the limits")), (403, true), "{body}");
    let freeze = format!("sessions/{session}/freeze");
    assert_eq!([NOBODY, VIEWER, LIMITED].map(|uid| status(uid, "POST", &freeze)), [404, 403, 200]);
    let thaw = format!("sessions/{session}/thaw");
    assert_eq!([NOBODY, VIEWER, APPROVER, ADMIN].map(|uid| status(uid, "POST", &thaw)), [404, 403, 403, 200]);
    let reload = "rules/reload";
    assert_eq!(
        [NOBODY, VIEWER, APPROVER, ADMIN].map(|uid| status(uid, "POST", reload)),
        [403, 403, 403, 200]
    );
    let (code, body) = daemon.asked(APPROVER, "POST", &approve, r#"{"session":true,"reason":"ours"}"#);
    assert_eq!(code, 200, "{body}");
    assert!(daemon.asked(VIEWER, "GET", "grants", "").1.contains("\"g"), "a viewer sees grants");
    assert_eq!(daemon.asked(NOBODY, "GET", "grants", ""), (200, "[]".to_owned()));
    let revoke = format!("grants/g{}/revoke", hold.trim_start_matches('h'));
    assert_eq!([NOBODY, VIEWER, APPROVER].map(|uid| status(uid, "POST", &revoke)), [404, 403, 200]);
    // Each refusal is told, with who asked for what.
    let attempts = daemon.events("attempt-refused");
    let told: Vec<(&Value, &Value)> = attempts
        .iter()
        .map(|event| (&event["source.user.id"], &event["interlock.attempt.request"]))
        .collect();
    assert!(told.contains(&(&"12005".into(), &"approve".into())), "{attempts:?}");
    assert!(told.contains(&(&"12001".into(), &"approve".into())), "{attempts:?}");
}

#[test]
fn two_persons_approve_also_over_a_restart_and_the_owner_is_neither() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: two, summary: s, on: connect, match: {destination: infra},\n     action: hold, approve: {count: 2, reason: required}}\n";
    let settings =
        Settings { rules: Some(rules.into()), pinned: true, more: ROLES.into(), ..Settings::default() };
    let mut daemon = Daemon::start(&settings);
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "")));
    let hold = daemon.the_hold();
    let approve = format!("holds/{hold}/approve");
    let owner = daemon.asked(0, "POST", &approve, r#"{"reason":"mine"}"#);
    assert_eq!(owner.0, 403, "the session is root's: {}", owner.1);
    assert_eq!(daemon.asked(APPROVER, "POST", &approve, "").0, 422, "without a reason");
    let (code, first) = daemon.asked(APPROVER, "POST", &approve, r#"{"reason":"ours"}"#);
    assert!(code == 200 && first.contains(r#""state":"waiting""#), "{code} {first}");
    assert_eq!(daemon.the_event("approval-given")["interlock.hold.approved_by"], "uid 12002");
    let listed = text(&daemon.cli(&["holds"]));
    assert!(listed.contains("1 of 2: uid 12002"), "{listed}");
    daemon.kill();
    daemon.start_again();
    assert_eq!(daemon.holds()[0]["approvals"][0]["by"], "uid 12002", "{:?}", daemon.holds());
    assert_eq!(daemon.asked(APPROVER, "POST", &approve, r#"{"reason":"again"}"#).0, 409);
    server.silent().unwrap();
    let (code, second) = daemon.asked(ADMIN, "POST", &approve, r#"{"reason":"checked"}"#);
    assert!(code == 200 && second.contains(r#""state":"approved""#), "{code} {second}");
    assert!(agent.finish().contains("exit 0"), "{}", agent.output());
    let approvals = daemon.records("approve");
    assert_eq!(approvals.len(), 2, "{approvals:?}");
    assert_eq!(
        (&approvals[0]["detail"]["reason"], &approvals[1]["detail"]["reason"]),
        (&"ours".into(), &"checked".into())
    );
}

#[test]
fn a_group_of_the_rule_and_a_code_of_whoever_has_enrolled_nothing_let_nobody_through() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: one, summary: s, on: connect, match: {destination: infra},\n     action: hold, approve: {by: [no-such-group-here], factor: totp}}\n";
    let daemon =
        Daemon::start(&Settings { rules: Some(rules.into()), more: ROLES.into(), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 30", curl(&server, "")));
    let approve = format!("holds/{}/approve", daemon.the_hold());
    let (code, body) = daemon.asked(ADMIN, "POST", &approve, "");
    assert!(code == 403 && body.contains("members of no-such-group-here"), "{code} {body}");
    let (code, body) = daemon.asked(ADMIN, "POST", &approve, r#"{"proof":{"code":"123456"}}"#);
    assert_eq!(code, 403, "{body}");
    server.silent().unwrap();
}

/// Whose groups no role names: they are looked up for the rule's sake.
#[test]
fn a_question_for_a_group_can_be_signed_by_its_members() {
    const DAEMON: u32 = 1; // of Debian's own users, and of the group of that name
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: one, summary: s, on: connect, match: {destination: infra},\n     action: hold, approve: {by: [daemon], factor: key}}\n";
    let more = "[roles]\napprover = [1, 12002]\n".to_owned();
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), more, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 30", curl(&server, "")));
    let wanted = format!(r#"{{"verdict":"approve","object":"{}"}}"#, daemon.the_hold());
    let (code, body) = daemon.asked(DAEMON, "POST", "statements", &wanted);
    assert!(code == 200 && body.contains("interlock"), "{code} {body}");
    let (code, body) = daemon.asked(APPROVER, "POST", "statements", &wanted);
    assert!(code == 403 && body.contains("members of daemon"), "{code} {body}");
}

#[test]
fn who_asks_too_often_for_what_it_may_not_is_not_listened_to() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { more: ROLES.into(), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 60", curl(&server, "")));
    let hold = daemon.the_hold();
    let approve = format!("holds/{hold}/approve");
    let codes: Vec<u16> = (0..12).map(|_| daemon.asked(VIEWER, "POST", &approve, "").0).collect();
    assert_eq!(codes[..10], [403; 10], "{codes:?}");
    assert_eq!(codes[10..], [429; 2], "{codes:?}");
    assert_eq!(daemon.asked(VIEWER, "GET", "holds", "").0, 200, "it goes on seeing");
    let told = daemon.events("attempt-refused");
    assert_eq!(told.len(), 1, "the others are counted: {told:?}");
    let metrics = daemon.metrics();
    assert!(metrics.contains("interlock_requests_refused_total{request=\"approve\"} 12"), "{metrics}");
    assert_eq!(daemon.asked(APPROVER, "POST", &format!("holds/{hold}/deny"), "").0, 200, "another user");
}

/// Holds so many connections open, on each half a request; says so, and how long the first of them lasted.
const HALF: &str = r#"
import socket, sys, time
began, all = time.monotonic(), []
for _ in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    try: s.sendall(b'POST /v1/holds/h1/approve HTTP/1.1\r\nHost: ')
    except OSError: pass
    all.append(s)
print('open', flush=True)
all[0].settimeout(60)
while all[0].recv(4096): pass
print('closed after', round(time.monotonic() - began), flush=True)
time.sleep(60)
"#;

struct Slow(Child);

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_users_half_sent_requests_take_no_other_users_place_and_end() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { more: ROLES.into(), ..Settings::default() });
    let script = daemon.dir().join("half.py");
    fs::write(&script, HALF).unwrap();
    let output = daemon.dir().join("half.out");
    let mut python = Command::new("python3");
    python.arg(&script).arg(daemon.socket()).arg("200").stdin(Stdio::null());
    python.stdout(fs::File::create(&output).unwrap()).uid(NOBODY).gid(NOBODY);
    let _slow = Slow(python.spawn().unwrap());
    let said = |what: &str| {
        wait::until(what, || {
            let text = fs::read_to_string(&output).unwrap_or_default();
            if text.contains(what) { Ok(text) } else { Err(text) }
        })
    };
    said("open");
    let began = Instant::now();
    assert_eq!(daemon.asked(VIEWER, "GET", "holds", "").0, 200);
    println!("answered after {:?}", began.elapsed()); // a full house answers with an error
    // Half a body is not waited for either, and a whole request beside it is answered.
    let mut half = UnixStream::connect(daemon.socket()).unwrap();
    half.write_all(b"POST /v1/holds/h1/deny HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{").unwrap();
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0_u8; 12];
    half.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    said("closed after 1");
    assert!(binary().exists());
}
