//! Sessions: recognised, adopted, followed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings},
    is_root, wait,
};

/// A script that is called like an agent.
fn claude(home: &Home, script: &str) -> PathBuf {
    let path = home.path().join(".local/bin/claude");
    fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn the_session(daemon: &Daemon) -> serde_json::Value {
    wait::until("a session", || match daemon.json(&["ps"]) {
        sessions if sessions.as_array().is_some_and(|all| all.len() == 1) => Ok(sessions[0].clone()),
        sessions => Err((sessions, daemon.log())),
    })
}

#[test]
fn an_agent_is_recognised_by_its_program_and_its_end_is_seen() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let path = claude(&home, "echo up; while [ ! -e end ]; do read -t 0.1 < <(:); done");
    let mut agent = home.run_unwatched(&format!("exec {}", path.display()));
    let session = the_session(&daemon);
    assert_eq!(session["agent"], "claude-code", "{session}");
    assert!(session["workspace"].as_str().unwrap().ends_with("/work"), "{session}");
    fs::write(home.path().join("work/end"), "").unwrap();
    let _ = agent.finish();
    let _ = daemon.the_event("session-ended");
}

#[test]
fn a_marker_in_the_environment_makes_a_session_and_a_weak_one_does_not() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut person = home.run_unwatched("CLAUDECODE=1 bash -c 'echo person; cat readme'");
    let _ = person.finish();
    let agent = home.run_unwatched("CLAUDE_CODE_CHILD_SESSION=1 bash -c 'echo agent; sleep 30; :'");
    agent.says("agent");
    let session = the_session(&daemon);
    assert_eq!(session["agent"], "claude-code", "{session}");
    assert_eq!(daemon.events("session-started").len(), 1);
}

#[test]
fn one_user_leaves_room_for_the_sessions_of_others() {
    if !is_root() {
        return;
    }
    let settings = Settings { more: "sessions_per_user = 1\n".into(), ..Settings::default() };
    let (daemon, home) = (Daemon::start(&settings), Home::new());
    let agent = |user: u32| {
        let script = format!("exec setpriv --reuid {user} env CLAUDE_CODE_CHILD_SESSION=1 sleep 30");
        home.run_unwatched(&script)
    };
    let of = |user: u32| {
        let sessions = daemon.json(&["ps"]);
        sessions.as_array().unwrap().iter().filter(|session| session["user"] == user).count()
    };
    let begins = |user: u32| {
        let count = of(user) + 1;
        let running = agent(user);
        wait::until("it begins", || if of(user) == count { Ok(()) } else { Err(daemon.log()) });
        running
    };
    let _first = begins(65534);
    let _refused = agent(65534);
    let event = daemon.the_event("session-unwatched");
    assert_eq!((&event["interlock.severity"], &event["event.kind"]), (&"high".into(), &"alert".into()));
    assert_eq!((&event["interlock.session.agent"], of(65534)), (&"claude-code".into(), 1), "{event}");
    assert!(event["interlock.reason"].as_str().unwrap().contains("sessions_per_user"), "{event}");
    let _another = begins(1000);
    let _root = (begins(0), begins(0));
}

#[test]
fn an_agent_from_before_the_daemon_is_adopted_with_descendants_of_any_depth() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    // Four levels below the agent; the second's own child outlives it, adopted by init.
    let path = claude(
        &home,
        "bash -c 'bash -c \"bash -c \\\"sleep 60; :\\\" & wait\" & wait' & \
         (bash -c 'sleep 60; :' &); echo up; wait; sleep 60",
    );
    let agent = home.run_unwatched(&format!("export AGENT_MARK=1; exec {}", path.display()));
    agent.says("up");
    let descendants = || {
        let ps = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
        String::from_utf8_lossy(&ps.stdout).lines().filter(|line| *line == "sleep 60").count()
    };
    wait::until("the whole tree runs", || if descendants() >= 2 { Ok(()) } else { Err(descendants()) });
    let daemon = Daemon::start(&Settings::default());
    let session = the_session(&daemon);
    assert!(session["recognised_by"].as_str().unwrap().starts_with("adopted"), "{session}");
    // claude, three nested shells, the deepest sleep: the orphan's parent link is gone, and it carries no marker.
    assert!(session["processes"].as_u64().unwrap() >= 5, "{session}");
}

#[test]
fn the_metrics_page_tells_what_happened() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = home.run(&daemon, "cat ~/.railway/config.json");
    let _ = agent.finish();
    let _ = daemon.the_event("secret-read");
    let address = daemon.json(&["status"])["metrics"].as_str().unwrap().to_owned();
    let page = |path: &str| {
        let output = std::process::Command::new("curl")
            .args(["-s", &format!("http://{address}{path}")])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let metrics = page("/metrics");
    for line in [
        "interlock_events_total{kind=\"open\"} 1",
        "interlock_rule_matches_total{action=\"alert\",mode=\"enforce\",rule=\"foreign-secret-read\"} 1",
        "interlock_enforcement_active{action=\"open\",backend=",
    ] {
        assert!(metrics.contains(line), "{line} is missing:\n{metrics}");
    }
    assert!(page("/healthz").contains("running"));
}
