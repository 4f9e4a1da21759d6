//! The first moment of a session: what ran before it was watched.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
};

use interlock_tests::{
    agent::{Home, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// An agent that is a script: it starts `helper`, then waits for the file `go`, then sends a request.
struct Agent(Child);

impl Agent {
    fn start(home: &Home, helper: &str, server: &Server) -> Self {
        let (path, work) = (home.path().join("claude"), home.path().join("work"));
        let script = format!(
            "#!/bin/bash\n{helper} &\nexec 3<>pause; : > started\nuntil [ -e go ]; do read -t 0.05 -u 3; done\n{}\necho finished > end\nkill %1\n",
            curl(server, "")
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("mkfifo").arg(work.join("pause")).status().unwrap().success());
        let child = Command::new(path)
            .env("HOME", home.path())
            .current_dir(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        wait::until("the agent has started its helper", || {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()));
            let children = children.map_err(|error| error.to_string())?;
            let ran = work.join("started").exists() && !children.trim().is_empty();
            if ran { Ok(()) } else { Err(children) }
        });
        Self(child)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // With its helper.
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// The daemon stands still while the agent begins: what is read late was done unseen.
fn begun_unseen(daemon: &Daemon, home: &Home, helper: &str, server: &Server) -> Agent {
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let agent = Agent::start(home, helper, server);
    kill_process(pid, Signal::CONT).unwrap();
    wait::until("the session begins", || match daemon.json(&["ps"]) {
        sessions if sessions[0]["agent"] == "claude-code" => Ok(()),
        sessions => Err(sessions),
    });
    fs::write(home.path().join("work/go"), "").unwrap();
    agent
}

#[test]
fn a_program_that_ran_before_the_session_was_watched_makes_it_incomplete() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let _agent = begun_unseen(&daemon, &home, "tail -f ../.railway/config.json", &server);
    let doubt = daemon.the_event("session-incomplete");
    assert_eq!(doubt["process.executable"], "/usr/bin/tail", "{doubt}");
    let _ = daemon.the_hold();
    server.silent().unwrap();
}

#[test]
fn what_was_over_before_the_session_was_watched_makes_it_incomplete_too() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let helper = "cat ../.railway/config.json > read; sleep 60";
    let _agent = begun_unseen(&daemon, &home, helper, &server);
    let doubt = daemon.the_event("session-incomplete");
    assert!(doubt["message"].as_str().is_some_and(|why| why.contains("was over")), "{doubt}");
    let _ = daemon.the_hold();
    server.silent().unwrap();
}

#[test]
fn what_scripts_that_start_agents_run_leaves_no_doubt() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let _agent = begun_unseen(&daemon, &home, "sleep 60", &server);
    wait::until("the request has left", || {
        let end = home.path().join("work/end");
        if end.exists() { Ok(()) } else { Err(daemon.json(&["events"])) }
    });
    assert!(daemon.events("session-incomplete").is_empty());
    assert_eq!(server.seen().requests.len(), 1);
}

/// The first session after a rest, whose agent starts a reader at once: seen, or said to be unseen.
#[test]
fn a_reader_that_begins_with_its_agent_is_seen_or_doubted_each_time() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    for round in 1..=8 {
        wait::until("the hooks rest", || {
            let doctor = String::from_utf8_lossy(&daemon.cli(&["doctor"]).stdout).into_owned();
            if doctor.contains("at rest") { Ok(()) } else { Err(doctor) }
        });
        let home = Home::new();
        let path = home.path().join("claude");
        fs::write(&path, "#!/bin/bash\ncat ~/.railway/config.json > /dev/null\nread -t 1 <> ~/pause\n")
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("mkfifo").arg(home.path().join("pause")).status().unwrap().success());
        let mut agent = Command::new(&path)
            .env("HOME", home.path())
            .current_dir(home.path().join("work"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        agent.wait().unwrap();
        wait::until(&format!("what agent {round} did is told"), || {
            let events = daemon.json(&["events"]);
            let done = events.as_array().unwrap().iter().filter(|event| {
                ["secret-read", "session-incomplete"].iter().any(|name| event["event.action"] == *name)
                    && event["interlock.session.id"]
                        .as_str()
                        .is_some_and(|id| id.starts_with(&format!("{}-", agent.id())))
            });
            if done.count() > 0 { Ok(()) } else { Err(events) }
        });
        wait::until(&format!("session {round} is over"), || match daemon.json(&["ps"]) {
            sessions if sessions == serde_json::json!([]) => Ok(()),
            sessions => Err(sessions),
        });
    }
}
