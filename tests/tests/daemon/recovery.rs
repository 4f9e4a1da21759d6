//! A daemon that dies: what is pinned stays in force, and the next one finds it.

use std::time::Duration;

use interlock::ledger::verify::verify;
use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

#[test]
fn holds_outlive_a_killed_daemon_and_nothing_goes_through_meanwhile() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let home = Home::new();
    let servers: Vec<Server> = (0..3).map(|_| Server::start()).collect();
    let hosts = ["backboard.railway.app", "api.render.com", "api.vercel.com"];
    let requests: Vec<String> = servers
        .iter()
        .zip(hosts)
        .map(|(server, host)| format!("{} &", curl(server, "").replace("backboard.railway.app", host)))
        .collect();
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {} wait; echo done", requests.join(" ")));
    wait::until("three holds", || match daemon.holds() {
        holds if holds.len() == 3 => Ok(()),
        holds => Err(holds),
    });
    daemon.kill();
    wait::throughout("without a daemon", Duration::from_secs(2), || {
        servers.iter().try_for_each(Server::silent)
    });
    daemon.start_again();
    wait::throughout("with a new one", Duration::from_secs(1), || {
        servers.iter().try_for_each(Server::silent)
    });
    let holds = daemon.holds();
    assert_eq!(holds.len(), 3, "{holds:?}");
    let railway =
        holds.iter().find(|hold| hold["destination"].as_str().unwrap().contains("railway")).unwrap();
    daemon.expect(&["approve", railway["id"].as_str().unwrap()]);
    wait::until("the approved one arrives", || match servers[0].seen() {
        seen if seen.bytes > 0 => Ok(()),
        seen => Err(seen),
    });
    assert!(servers[1].silent().is_ok() && servers[2].silent().is_ok());
    let summary = verify(&daemon.dir().join("state/ledger.jsonl")).unwrap();
    assert!(summary.records >= 6, "{summary:?}");
    let pins = daemon.pins().unwrap().to_path_buf();
    drop(daemon);
    assert!(!pins.exists(), "released");
}

#[test]
fn a_frozen_session_is_thawed_by_the_next_daemon() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let home = Home::new();
    let mut agent =
        home.run(&daemon, "echo begun; while [ ! -e go ]; do read -t 0.1 < <(:); done; echo finished");
    agent.says("begun");
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["freeze", &session]);
    daemon.kill();
    daemon.start_again();
    assert_eq!(daemon.json(&["ps"])[0]["status"], "frozen");
    std::fs::write(home.path().join("work/go"), "").unwrap();
    daemon.expect(&["thaw", &session]);
    assert!(agent.finish().contains("finished"));
}
