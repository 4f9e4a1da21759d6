//! Who may ask for what.

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
    let rules = "version: 1\nrules:\n  - {id: one, summary: s, on: exec, match: {agent: x}, action: alert}\n";
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), ..Settings::default() });
    let before = daemon.json(&["status"])["rules"]["sha256"].clone();
    std::fs::write(daemon.dir().join("rules/test.yaml"), rules.replace("alert", "alarm")).unwrap();
    let refused = daemon.cli(&["rules", "reload"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("alarm"), "{}", text(&refused));
    let status = daemon.json(&["status"]);
    assert_eq!(status["rules"]["sha256"], before);
    assert!(status["rules"]["problem"].as_str().unwrap().contains("test.yaml:3"), "{status}");
    std::fs::write(daemon.dir().join("rules/test.yaml"), rules.replace("one", "two")).unwrap();
    daemon.expect(&["rules", "reload"]);
    assert_ne!(daemon.json(&["status"])["rules"]["sha256"], before);
}
