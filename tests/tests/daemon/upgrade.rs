//! An older daemon's state, pins and holds, taken over by this one. `cargo xtask upgrade` builds the older one.

use std::{env, path::PathBuf, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

/// Names the older program.
const OLDER: &str = "INTERLOCK_OLDER";

fn older() -> Option<PathBuf> {
    let found = env::var_os(OLDER).map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: {OLDER} names no older program: `cargo xtask upgrade` builds one");
    }
    found
}

#[test]
fn a_hold_that_an_older_daemon_opened_is_answered_by_this_one() {
    let Some(program) = older().filter(|_| is_root()) else { return };
    let mut daemon = Daemon::start(&Settings { pinned: true, program: Some(program), ..Settings::default() });
    let (home, approved, denied) = (Home::new(), Server::start(), Server::start());
    let requests = format!(
        "{READ_SECRET}; {} & {} & wait; echo done",
        curl(&approved, ""),
        curl(&denied, "").replace("backboard.railway.app", "api.vercel.com")
    );
    let _agent = home.run(&daemon, &requests);
    wait::until("two holds", || match daemon.holds() {
        holds if holds.len() == 2 => Ok(()),
        holds => Err(holds),
    });
    daemon.kill();
    daemon.start_again();
    wait::throughout("nobody answered", Duration::from_secs(1), || approved.silent().and(denied.silent()));
    let id = |host: &str| {
        let holds = daemon.holds();
        let about = |hold: &&serde_json::Value| hold["destination"].as_str().unwrap().contains(host);
        holds.iter().find(about).unwrap()["id"].as_str().unwrap().to_owned()
    };
    daemon.expect(&["approve", &id("railway")]);
    wait::until("the approved one arrives", || match approved.seen() {
        seen if seen.bytes > 0 => Ok(()),
        seen => Err(seen),
    });
    daemon.expect(&["deny", &id("vercel")]);
    denied.silent().unwrap();
}

#[test]
fn a_tree_that_an_older_daemon_froze_stays_frozen_until_this_one_thaws_it() {
    let Some(program) = older().filter(|_| is_root()) else { return };
    let mut daemon = Daemon::start(&Settings { pinned: true, program: Some(program), ..Settings::default() });
    let home = Home::new();
    let agent =
        home.run(&daemon, "echo begun; while [ ! -e go ]; do read -t 0.1 < <(:); done; echo finished");
    agent.says("begun");
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["freeze", &session]);
    daemon.kill();
    daemon.start_again();
    assert_eq!(daemon.json(&["ps"])[0]["status"], "frozen");
    std::fs::write(home.path().join("work/go"), "").unwrap();
    wait::throughout("it stands", Duration::from_secs(1), || {
        if daemon.json(&["ps"])[0]["status"] == "frozen" { Ok(()) } else { Err(daemon.json(&["ps"])) }
    });
    daemon.expect(&["thaw", &session]);
    agent.says("finished");
}
