//! The kernel's labels, the daemon's sessions and the processes that live stay one, also where a record comes late or never.

use std::{fs, process::Command, time::Duration};

use interlock_tests::{
    agent::{Home, Running, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// The daemon stands still while `act` runs: what the kernel tells meanwhile is read afterwards.
fn while_it_stands<T>(daemon: &Daemon, act: impl FnOnce() -> T) -> T {
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    wait::until("every thread of it stands", || {
        let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
        let stats = threads.flat_map(|thread| fs::read_to_string(thread.path().join("stat")));
        let running: Vec<String> = stats.filter(|stat| !stat.contains(") T ")).collect();
        if running.is_empty() { Ok(()) } else { Err(running) }
    });
    let done = act();
    kill_process(pid, Signal::CONT).unwrap();
    done
}

#[test]
fn an_agent_that_ended_before_its_exec_was_read_leaves_no_session() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let agent = home.path().join("claude");
    fs::copy("/bin/true", &agent).unwrap();
    // Nobody has waited for them yet: they are there for `watch_below`, and dead.
    let dead = while_it_stands(&daemon, || {
        let agents: Vec<_> = (0..5).map(|_| Command::new(&agent).spawn().unwrap()).collect();
        for agent in &agents {
            wait::until("it has ended", || match fs::read_to_string(format!("/proc/{}/stat", agent.id())) {
                Ok(stat) if stat.contains(") Z ") => Ok(()),
                other => Err(other),
            });
        }
        agents
    });
    wait::until("the daemon has read of them", || {
        let log = daemon.log();
        if log.matches("ended before it could be labelled").count() == 5 { Ok(()) } else { Err(log) }
    });
    wait::throughout("no session", Duration::from_secs(1), || match daemon.json(&["ps"]) {
        sessions if sessions == json!([]) => Ok(()),
        sessions => Err(sessions),
    });
    for mut agent in dead {
        assert!(agent.wait().unwrap().success());
    }
}

#[test]
fn many_agents_that_end_at_once_leave_no_session() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let agent = home.path().join("claude");
    fs::copy("/bin/true", &agent).unwrap();
    let agents: Vec<_> = (0..20).map(|_| Command::new(&agent).spawn().unwrap()).collect();
    for mut agent in agents {
        assert!(agent.wait().unwrap().success());
    }
    wait::until("no session is left", || match daemon.json(&["ps"]) {
        sessions if sessions == json!([]) => Ok(()),
        sessions => Err((sessions, daemon.log())),
    });
    assert_eq!(daemon.events("session-started").len(), daemon.events("session-ended").len());
}

/// Forks more than the ring holds while nobody reads it; then a last one that outlives all others.
fn with_a_survivor(home: &Home, daemon: &Daemon, survivor: &str) -> Running {
    let wait_for = |file: &str| format!("until [ -e ~/{file} ]; do sleep 0.1; done");
    let script = format!(
        "{}; for i in $(seq 4000); do /bin/true; done; ({}; {survivor}) & echo forked; {}",
        wait_for("fork"),
        wait_for("act"),
        wait_for("end"),
    );
    let agent = home.run(daemon, &script);
    wait::until("a session", || match daemon.json(&["ps"]) {
        sessions if sessions.as_array().is_some_and(|all| all.len() == 1) => Ok(()),
        sessions => Err((sessions, daemon.log())),
    });
    while_it_stands(daemon, || {
        fs::write(home.path().join("fork"), "").unwrap();
        agent.says("forked");
    });
    agent
}

#[test]
fn a_member_whose_fork_was_lost_keeps_its_session_and_is_held() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let survivor = format!("cat ~/.railway/config.json > /dev/null; {}; true", curl(&server, ""));
    let mut agent = with_a_survivor(&home, &daemon, &survivor);
    wait::until("forks were lost", || {
        let status = daemon.json(&["status"]);
        if status["lost"]["lifecycle/fork"].as_u64() > Some(0) { Ok(()) } else { Err(status) }
    });
    // Whom the daemon knows ends.
    fs::write(home.path().join("end"), "").unwrap();
    let _ = agent.finish();
    wait::throughout("its session lives", Duration::from_secs(2), || match daemon.json(&["ps"]) {
        sessions if sessions[0]["processes"].as_u64() > Some(0) => Ok(()),
        sessions => Err((sessions, daemon.log())),
    });
    fs::write(home.path().join("act"), "").unwrap();
    let hold = daemon.the_hold();
    server.silent().unwrap();
    daemon.expect(&["approve", &hold]);
    wait::until("the session ends with its last process", || match daemon.json(&["ps"]) {
        sessions if sessions == json!([]) => Ok(()),
        sessions => Err((sessions, daemon.log())),
    });
}

/// One thread reads the credential and sends; the one that the process began with is gone by then (exit(2) ends one thread).
const FIRST_THREAD_ENDS: &str = r#"
import ctypes, os, socket, sys, threading, time
def work():
    while open('/proc/self/stat').read().rsplit(') ', 1)[1][0] != 'Z': time.sleep(0.01)
    open(os.path.expanduser('~/.railway/config.json')).read()
    connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    connection.sendall(b'GET / HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n')
    print('sent', flush=True)
    try: print('answered', connection.recv(1), flush=True)
    except OSError: print('reset', flush=True)
    time.sleep(60)
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)
"#;

#[test]
fn a_process_whose_first_thread_has_ended_is_held_and_sees_a_denial() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    std::fs::write(home.path().join("work/first.py"), FIRST_THREAD_ENDS).unwrap();
    let agent = home.run(&daemon, &format!("exec python3 first.py {}", server.port()));
    agent.says("sent");
    let hold = daemon.the_hold();
    let read = daemon.the_event("secret-read");
    assert_eq!(read["interlock.secret.foreign"], true, "{read}");
    let program = read["process.executable"].as_str().unwrap_or_default();
    assert!(program.contains("python"), "{read}");
    server.silent().unwrap();
    daemon.expect(&["deny", &hold]);
    if pidfd_of_a_thread() {
        agent.says("reset");
    } else {
        eprintln!("not here: before Linux 6.9 nobody can borrow its socket; its data stays held");
    }
    server.silent().unwrap();
    assert_eq!(daemon.json(&["ps"])[0]["processes"], 1, "it lives");
}

/// `PIDFD_THREAD`, since Linux 6.9.
fn pidfd_of_a_thread() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = release.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next(), parts.next()) >= (Some(6), Some(9))
}
