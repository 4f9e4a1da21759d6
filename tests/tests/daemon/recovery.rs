//! A daemon that dies: what is pinned stays in force, and the next one finds it.

use std::{fs, path::Path, process::Command, time::Duration};

use interlock::ledger::verify::verify;
use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, binary, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::{Value, json};

/// Says that it has begun, and ends once there is a file `go`.
const WAITS: &str = "echo begun; while [ ! -e go ]; do read -t 0.1 < <(:); done; echo finished";

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

/// Whoever removes the program must not decide what waits by that.
#[test]
fn nothing_is_released_while_something_waits() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo done", curl(&server, "")));
    let hold = daemon.the_hold();
    daemon.kill();
    let release = |daemon: &Daemon| {
        let mut release = Command::new(binary());
        release.arg("--config").arg(daemon.dir().join("config.toml")).args(["daemon", "--release"]);
        let output = release.output().unwrap();
        (output.status.success(), text(&output))
    };
    // Nor where nobody knows whether something does.
    let state = daemon.dir().join("state/state.json");
    let saved = fs::read(&state).unwrap();
    fs::write(&state, "{").unwrap();
    let (released, said) = release(&daemon);
    assert!(!released && said.contains("is not known"), "{said}");
    fs::write(&state, saved).unwrap();
    let (released, said) = release(&daemon);
    assert!(!released && said.contains(&format!("still held: {hold}")), "{said}");
    wait::throughout("it waits as before", Duration::from_secs(1), || server.silent());
    daemon.start_again();
    daemon.expect(&["deny", &hold]);
    assert!(agent.finish().contains("done"), "{}", agent.output());
    daemon.stop();
    let (released, said) = release(&daemon);
    assert!(released && !daemon.pins().unwrap().exists(), "{said}");
    server.silent().unwrap();
}

fn unknown(explained: &Value) -> String {
    explained["unknown"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

const RULES: &str = "version: 1
builtin: replace
rules:
  - id: held
    summary: A credential, then infrastructure.
    on: connect
    match:
      destination: infra
      touched: { grade: A, foreign: true, within: 30m }
    action: hold
    timeout: { after: 10m, then: deny }
";

#[test]
fn a_hold_that_outlived_its_daemon_is_explained_as_it_was_then_and_what_is_lost_is_said() {
    if !is_root() {
        return;
    }
    let mut daemon =
        Daemon::start(&Settings { pinned: true, rules: Some(RULES.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let second = curl(&server, "").replace("backboard.railway.app", "api.vercel.com");
    let wait = "until test -e go; do read -t 0.05 <> <(:); done";
    let script = format!("{READ_SECRET}; {} & {wait}; {second} & wait", curl(&server, ""));
    let agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    let before = daemon.json(&["explain", &hold]);
    assert!(before["read"][0]["by"]["executable"].as_str().unwrap().ends_with("/cat"), "{before:#}");
    for restart in 1..=2 {
        daemon.kill();
        // Other rules are in force then, which would not have held it.
        let other = format!(
            "version: 1\nbuiltin: replace\nrules:\n  - {{id: other, summary: s, on: open, match: {{secret: any}}, action: alert, risk: {restart}}}\n"
        );
        fs::write(daemon.dir().join("rules/test.yaml"), other).unwrap();
        daemon.start_again();
        assert_eq!(daemon.the_hold(), hold);
        let mut after = daemon.json(&["explain", &hold]);
        let lost = unknown(&after);
        assert!(lost.contains("did not survive a restart") && lost.lines().count() == 1, "{lost}");
        assert_eq!(after["reloaded"], true);
        for field in ["unknown", "reloaded"] {
            after[field] = before[field].clone();
        }
        assert_eq!(after, before, "all else is told as it was after restart {restart}");
    }
    let screen = text(&daemon.cli(&["explain", &hold]));
    for part in
        ["what is not known", "did not survive a restart", "rule held → hold", "read by ", "since then"]
    {
        assert!(screen.contains(part), "{part} is missing: {screen}");
    }

    // What is held from now on is so because the daemon does not know what the session read.
    fs::write(daemon.dir().join("rules/test.yaml"), RULES).unwrap();
    daemon.expect(&["rules", "reload"]);
    fs::write(home.path().join("work/go"), "").unwrap();
    let next = wait::until("the second hold", || match daemon.holds().as_slice() {
        [_, next] => Ok(next["id"].as_str().unwrap().to_owned()),
        other => Err((other.to_vec(), agent.output())),
    });
    let explained = daemon.json(&["explain", &next]);
    assert_eq!(explained["read"], json!([]), "{explained:#}");
    let lost = unknown(&explained);
    assert!(lost.contains("who read that is not known"), "{lost}");
    assert!(
        lost.contains("did not survive its restart: A foreign paas ")
            && lost.contains(".railway/config.json"),
        "{lost}"
    );

    daemon.expect(&["deny", &hold]);
    let denied = daemon.the_event("flow-denied");
    let explained = daemon.json(&["explain", denied["event.id"].as_str().unwrap()]);
    assert!(
        explained["headline"].as_str().unwrap().starts_with("flow-denied backboard.railway.app:"),
        "{explained:#}"
    );
    assert_eq!((&explained["rules"], &explained["read"]), (&before["rules"], &before["read"]));
    assert_eq!(explained["event"]["interlock.hold.id"], hold.as_str());
}

#[test]
fn a_hold_whose_account_is_lost_too_says_what_is_left() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let hold = daemon.the_hold();
    let rule = daemon.holds()[0]["rule"].as_str().unwrap().to_owned();
    daemon.kill();
    // As a daemon of before accounts left it.
    let path = daemon.dir().join("state/state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(state["accounts"].as_array().map(Vec::len), Some(1), "{state}");
    state.as_object_mut().unwrap().remove("accounts");
    fs::write(&path, state.to_string()).unwrap();
    daemon.start_again();
    let explained = daemon.json(&["explain", &hold]);
    assert!(
        explained["headline"].as_str().unwrap().starts_with("flow-held backboard.railway.app:"),
        "{explained:#}"
    );
    assert!(explained["object"].to_string().contains(&rule), "{explained:#}");
    assert!(explained["lineage"].to_string().contains(" curl -sS"), "{explained:#}");
    assert_eq!((&explained["rules"], &explained["read"]), (&json!([]), &json!([])));
    let lost = unknown(&explained);
    assert!(lost.contains("neither what it was judged by nor what was told of it"), "{lost}");
    daemon.expect(&["deny", &hold]);
}

/// A frozen session whose daemon is killed, and what happens to its state then: the next daemon can thaw it.
fn is_thawed_by_the_next_daemon(meanwhile: impl FnOnce(&Path)) {
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let home = Home::new();
    let mut agent = home.run(&daemon, WAITS);
    agent.says("begun");
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["freeze", &session]);
    daemon.kill();
    meanwhile(&daemon.dir().join("state/state.json"));
    daemon.start_again();
    assert_eq!(daemon.json(&["ps"])[0]["status"], "frozen", "{}", daemon.log());
    fs::write(home.path().join("work/go"), "").unwrap();
    daemon.expect(&["thaw", &session]);
    assert!(agent.finish().contains("finished"));
}

#[test]
fn a_frozen_session_is_thawed_by_the_next_daemon() {
    if is_root() {
        is_thawed_by_the_next_daemon(|_| ());
    }
}

#[test]
fn what_the_kernel_marked_as_frozen_is_frozen_also_where_nobody_wrote_it_down() {
    if is_root() {
        is_thawed_by_the_next_daemon(|path| {
            let mut state: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(state["sessions"][0]["frozen"], true, "{state}");
            state["sessions"] = json!([]);
            fs::write(path, state.to_string()).unwrap();
        });
    }
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

#[test]
fn grants_and_probation_outlive_a_killed_daemon() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, servers) = (Home::new(), [(); 3].map(|()| Server::start()));
    let to = |server: &Server, host: &str| curl(server, "").replace("backboard.railway.app", host);
    let until = |file: &str| format!("while [ ! -e {file} ]; do read -t 0.1 < <(:); done");
    let script = [
        READ_SECRET.to_owned(),
        to(&servers[0], "api.render.com"),
        until("again"),
        to(&servers[0], "api.render.com"),
        "echo granted".to_owned(),
        to(&servers[1], "api.vercel.com"),
        until("more"),
        to(&servers[2], "api.netlify.com"),
    ];
    let agent = home.run(&daemon, &script.join("; "));
    daemon.expect(&["approve", &daemon.the_hold(), "--for", "10m"]);
    wait::until("it arrives", || match servers[0].seen() {
        seen if seen.bytes > 0 => Ok(()),
        seen => Err(seen),
    });
    daemon.kill();
    daemon.start_again();
    fs::write(home.path().join("work/again"), "").unwrap();
    agent.says("granted");
    daemon.expect(&["deny", &daemon.the_hold()]);
    daemon.kill();
    daemon.start_again();
    fs::write(home.path().join("work/more"), "").unwrap();
    let frozen = daemon.the_event("session-frozen");
    assert_eq!(frozen["message"], "a second attempt after a denial or a thaw", "{frozen}");
    servers[1].silent().and(servers[2].silent()).unwrap();
}
