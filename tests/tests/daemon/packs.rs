//! Packs of the catalogue that are switched off while the daemon runs.

use std::fs;

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};

fn packs_off_are(daemon: &Daemon, expected: &[&str]) {
    wait::until(&format!("{expected:?} are off"), || {
        let rules = daemon.json(&["status"])["rules"].clone();
        if rules["packs_off"] == serde_json::json!(expected) { Ok(()) } else { Err((rules, daemon.log())) }
    });
}

/// One session reads the token and sends a request to the provider.
#[test]
fn a_pack_that_is_off_holds_nothing_says_so_and_holds_again_when_it_is_on() {
    if !is_root() {
        return;
    }
    let settings =
        Settings { rules: Some("version: 1\npacks: { railway: off }\n".into()), ..Settings::default() };
    let (daemon, home, server) = (Daemon::start(&settings), Home::new(), Server::start());
    packs_off_are(&daemon, &["railway"]);
    let script = format!("{READ_SECRET}; {}; echo exit $?", curl(&server, ""));
    let mut agent = home.run(&daemon, &script);
    assert!(agent.finish().contains("ok\nexit 0"), "{}\n{}", agent.output(), daemon.json(&["events"]));
    assert!(daemon.holds().is_empty());
    let read = daemon.the_event("secret-read");
    assert_eq!(
        (&read["interlock.secret.entry"], &read["interlock.secret.pack"]),
        (&"railway-cli".into(), &"railway".into()),
        "{read}"
    );
    assert!(read["rule.id"].is_null() && read["event.kind"] == "event", "{read}");
    let gated = daemon.events("flow-passed");
    assert!(gated.is_empty(), "nothing was touched, so nothing asked: {gated:?}");
    let metrics = daemon.metrics();
    assert!(metrics.contains("interlock_rule_pack_enabled{pack=\"railway\"} 0"), "{metrics}");
    assert!(metrics.contains("interlock_rule_pack_enabled{pack=\"aws\"} 1"), "{metrics}");
    let doctor = text(&daemon.cli(&["doctor"]));
    assert!(doctor.contains("rule packs") && doctor.contains("off: railway"), "{doctor}");

    let file = daemon.dir().join("rules/test.yaml");
    let before = daemon.json(&["status"])["rules"]["sha256"].clone();
    fs::write(&file, "version: 1\npacks: { railwai: on }\n").unwrap();
    wait::until("the mistake is told", || {
        let rules = daemon.json(&["status"])["rules"].clone();
        let problem = rules["problem"].as_str().unwrap_or_default();
        let is_named = problem.contains("test.yaml:2:10: packs.railwai")
            && problem.contains("did you mean \"railway\"?");
        if is_named && rules["sha256"] == before { Ok(()) } else { Err((rules, daemon.log())) }
    });
    fs::write(&file, "version: 1\npacks: { railway: on }\n").unwrap();
    packs_off_are(&daemon, &[]);
    let mut agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("ok\nexit 0"), "{}", agent.output());
}
