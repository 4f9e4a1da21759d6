//! A daemon whose event loop is gone ends; systemd is told of one that turns.

use std::{collections::BTreeMap, fs, os::unix::net::UnixDatagram, time::Duration};

use interlock_tests::{
    daemon::{Daemon, Settings},
    is_root, wait,
};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

#[test]
fn an_event_loop_that_cannot_wait_for_the_kernel_ends_the_daemon() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings::default());
    // poll(2) refuses more descriptors than the limit allows.
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap());
    let before = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(1), ..before }).unwrap();
    let _ = daemon.cli(&["status"]); // wakes the event loop
    let status = wait::until("the daemon ends", || daemon.ended().ok_or_else(|| daemon.log()));
    assert_eq!(status.code(), Some(1), "{}", daemon.log());
    assert!(daemon.log().contains("waiting for the kernel failed"), "{}", daemon.log());
}

#[test]
fn the_watchdog_is_told_of_an_event_loop_that_turns() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let env = vec![("NOTIFY_SOCKET", path.display().to_string()), ("WATCHDOG_USEC", "600000".into())];
    let _daemon = Daemon::start(&Settings { env, ..Settings::default() });
    let mut messages = Vec::new();
    for _ in 0..4 {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        messages.push(String::from_utf8_lossy(&bytes[..length]).trim().to_owned());
    }
    assert_eq!(messages, ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
}

#[test]
fn who_judges_and_who_answers_comes_before_what_sessions_run() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
    let stats = threads.map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap());
    let nice: BTreeMap<String, String> = stats
        .map(|stat| {
            let (name, fields) = stat.rsplit_once(") ").unwrap();
            let name = name.split_once('(').unwrap().1.to_owned();
            (name, fields.split(' ').nth(16).unwrap().to_owned()) // proc_pid_stat(5): the 19th field
        })
        .collect();
    for thread in ["interlock-loop", "interlock-api"] {
        assert_eq!(nice.get(thread).map(String::as_str), Some("-20"), "{nice:?}");
    }
}
