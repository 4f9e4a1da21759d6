//! A daemon that dies: what is pinned stays in force, and the next one finds it.

use std::{fs, time::Duration};

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
    fs::write(home.path().join("work/go"), "").unwrap();
    daemon.expect(&["thaw", &session]);
    assert!(agent.finish().contains("finished"));
}

#[test]
fn a_daemon_of_another_version_is_replaced_without_a_gap() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "")));
    let hold = daemon.the_hold();
    daemon.kill();
    let pins = daemon.pins().unwrap().to_path_buf();
    let current = fs::read_dir(&pins).unwrap().next().unwrap().unwrap().path();
    fs::rename(&current, pins.join("v0")).unwrap();
    daemon.start_again();
    wait::throughout("held by both, then by the new one", Duration::from_secs(1), || server.silent());
    assert!(!pins.join("v0").exists() && current.exists(), "the other version's pins are gone");
    assert_eq!(daemon.the_hold(), hold, "{}", daemon.log());
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("exit 0"), "{}", agent.output());
}

#[test]
fn pins_that_do_not_fit_never_keep_the_daemon_from_starting() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    daemon.kill();
    let current = fs::read_dir(daemon.pins().unwrap()).unwrap().next().unwrap().unwrap().path();
    // A pinned link where a map is expected.
    fs::remove_file(current.join("POLICY")).unwrap();
    fs::rename(current.join("link_process_fork"), current.join("POLICY")).unwrap();
    daemon.start_again();
    assert!(daemon.log().contains("the pins do not fit and are removed"), "{}", daemon.log());
    assert!(current.join("link_process_fork").exists());
}
