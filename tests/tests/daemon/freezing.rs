//! The breaker: a whole tree stands still, and runs again.

use std::fs;

use interlock_host::enforcement::freezer::Hierarchy;
use interlock_tests::{
    agent::{Home, Running},
    daemon::{Daemon, Settings},
    is_root, wait,
};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

/// Pids whose environment carries `mark`, and their states; `F` is one that stands in the freezer.
fn marked(mark: &str) -> Vec<(i32, char)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let found = environ.windows(mark.len()).any(|window| window == mark.as_bytes());
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let state = stat.rsplit_once(") ")?.1.chars().next()?;
            let state = if state == 'S' && in_the_freezer(pid) { 'F' } else { state };
            (found && state != 'Z').then_some((pid, state))
        })
        .collect()
}

fn in_the_freezer(pid: i32) -> bool {
    let directory = Hierarchy::of_this_machine().and_then(|known| known.directory_of(pid.unsigned_abs()));
    directory.is_ok_and(|directory| {
        let events = fs::read_to_string(directory.join("cgroup.events")).unwrap_or_default();
        directory.to_string_lossy().ends_with(".freeze") && events.contains("frozen 1")
    })
}

fn forking_tree(home: &Home, daemon: &Daemon, mark: &str) -> Running {
    let script = format!(
        "MARK={mark} exec bash -c 'for i in $(seq 40); do (while true; do /bin/true; done) & done; echo started; wait'"
    );
    home.run(daemon, &script)
}

#[test]
fn a_tree_that_keeps_forking_is_frozen_whole_and_thawed_whole() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mark = format!("frozen-{}", std::process::id());
    let agent = forking_tree(&home, &daemon, &mark);
    agent.says("started");
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["freeze", &session]);
    let event = daemon.the_event("session-frozen");
    assert_eq!(event["interlock.freeze.still_running"], serde_json::json!([]), "{event}");
    let frozen = marked(&mark);
    assert!(frozen.len() >= 40, "{}", frozen.len());
    assert!(frozen.iter().all(|(_, state)| matches!(state, 'F' | 'T' | 'D')), "{frozen:?}");
    wait::throughout("nothing moves", std::time::Duration::from_millis(500), || {
        let now = marked(&mark);
        if now.len() == frozen.len() { Ok(()) } else { Err(now) }
    });
    // Somebody else continues one of them: it stops again at its next fork, or waits for its stopped child without end.
    let (victim, _) = frozen[5];
    kill_process(Pid::from_raw(victim).unwrap(), Signal::CONT).unwrap();
    let stands =
        |(pid, state): &(i32, char)| matches!(state, 'F' | 'T' | 'D') || (*pid == victim && *state == 'S');
    wait::until("it stops again", || match marked(&mark) {
        now if now.iter().all(stands) => Ok(()),
        now => Err(now),
    });
    let settled = marked(&mark).len();
    wait::throughout("nothing is forked", std::time::Duration::from_millis(500), || match marked(&mark) {
        now if now.len() == settled && now.iter().all(stands) => Ok(()),
        now => Err(now),
    });
    daemon.expect(&["thaw", &session]);
    let thawed = daemon.the_event("session-thawed");
    assert_eq!(thawed["user.id"], "0", "whose session it is, for those who may see it: {thawed}");
    assert!(
        thawed["interlock.freeze.decided_by"].as_str().is_some_and(|by| by.contains("uid 0")),
        "{thawed}"
    );
    wait::until("it runs", || match marked(&mark) {
        now if now.iter().any(|(_, state)| matches!(state, 'R' | 'S')) => Ok(()),
        now => Err(now),
    });
    assert_eq!(daemon.cli(&["thaw", &session]).status.code(), Some(1), "it is not frozen any more");
}

#[test]
fn a_sweep_over_credentials_freezes_the_searcher() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    for (folder, file) in [
        (".aws", "credentials"),
        (".kube", "config"),
        (".config/gh", "hosts.yml"),
        (".docker", "config.json"),
    ] {
        fs::create_dir_all(home.path().join(folder)).unwrap();
        fs::write(home.path().join(folder).join(file), "token").unwrap();
    }
    fs::write(home.path().join(".pgpass"), "token").unwrap();
    let agent = home.run(&daemon, "grep -r token ~ > /dev/null; sleep 30; echo finished");
    let event = daemon.the_event("session-frozen");
    assert_eq!(event["rule.id"], serde_json::json!(["secret-sweep"]));
    wait::until("frozen", || match daemon.json(&["ps"]) {
        sessions if sessions[0]["status"] == "frozen" => Ok(()),
        sessions => Err(sessions),
    });
    assert!(!agent.output().contains("finished"));
}

#[test]
fn a_person_freezes_and_thaws_as_often_as_they_like() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = home.run(&daemon, "echo started; sleep 60");
    agent.says("started");
    let session = daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        daemon.expect(&["freeze", &session]);
        assert_eq!(daemon.json(&["ps"])[0]["status"], "frozen");
        daemon.expect(&["thaw", &session]);
        assert_eq!(daemon.json(&["ps"])[0]["status"], "probation");
    }
    assert!(agent.is_running(), "{}", agent.output());
}

#[test]
fn whom_a_freeze_cannot_reach_is_told_as_running() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - { id: stop, summary: Stop., on: open, match: { secret: { entry: railway-cli } }, action: freeze }\n";
    let (daemon, home) =
        (Daemon::start(&Settings { rules: Some(rules.into()), ..Settings::default() }), Home::new());
    let mut agent =
        home.run(&daemon, "until [ -e ~/go ]; do sleep 0.05; done; cat ~/.railway/config.json; sleep 60");
    wait::until("a session", || match daemon.json(&["ps"]) {
        sessions if sessions[0]["processes"].as_u64() > Some(0) => Ok(()),
        sessions => Err(sessions),
    });
    // No descriptor is left for whom it would stop.
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap());
    let before = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(8), ..before }).unwrap();
    fs::write(home.path().join("go"), "").unwrap();
    // Its timeout with whom it cannot reach is two seconds.
    wait::until("it is told in the log", || {
        let log = daemon.log();
        if log.contains("these may still run") { Ok(()) } else { Err(log) }
    });
    assert!(agent.is_running());
    prlimit(pid, Resource::Nofile, Rlimit { current: before.maximum, ..before }).unwrap();
    let event = daemon.the_event("session-frozen");
    let running = event["interlock.freeze.still_running"].as_array().unwrap();
    assert!(running.contains(&serde_json::json!(agent.group())), "{event}");
    // With descriptors again, a second one reaches everybody.
    let session = event["interlock.session.id"].as_str().unwrap();
    daemon.expect(&["freeze", session]);
    let again = daemon.events("session-frozen");
    assert_eq!(again[1]["interlock.freeze.still_running"], serde_json::json!([]), "{again:?}");
}
