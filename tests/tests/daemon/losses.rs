//! What becomes no fact is counted, with the reason.

use std::fs;

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings},
    is_root, wait,
};

#[test]
fn what_only_looks_like_a_secret_is_counted_as_put_aside() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    // To the kernel each is a key by its extension; the catalogue knows the place, and pip's temporary bundle.
    fs::create_dir_all(home.path().join("certs")).unwrap();
    for file in ["certs/a.pem", "tmpa1b2c3d4cacert.pem"] {
        fs::write(home.path().join(file), "x").unwrap();
    }
    let mut agent = home.run(&daemon, "cat ~/certs/a.pem ~/tmpa1b2c3d4cacert.pem > /dev/null; echo done");
    assert!(agent.finish().contains("done"), "{}", agent.output());
    wait::until("two opens were put aside", || {
        let status = daemon.json(&["status"]);
        if status["dismissed"]["open/no-secret"] == 2 { Ok(()) } else { Err((status, daemon.log())) }
    });
    assert!(daemon.events("secret-read").is_empty(), "{}", daemon.json(&["events"]));
    let page = daemon.metrics();
    let expected = "interlock_records_dismissed_total{kind=\"open\",reason=\"no-secret\"} 2";
    assert!(page.contains(expected), "{page}");
    // Every program that is loaded says how often it was left out.
    let misses = page.lines().filter(|line| line.starts_with("interlock_program_recursion_misses_total{"));
    assert!(misses.count() > 10, "{page}");
    let doctor = daemon.json(&["doctor"]);
    let programs =
        doctor.as_array().unwrap().iter().find(|check| check["subject"] == "kernel programs").unwrap();
    assert!(!programs["found"].as_str().unwrap().contains("unknown"), "{programs}");
}

#[test]
fn events_that_the_disk_refuses_are_counted() {
    if !is_root() {
        return;
    }
    let (mut daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    daemon.kill();
    let file = daemon.dir().join("state/events.jsonl");
    let _ = fs::remove_file(&file); // nothing has happened yet
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    daemon.start_again();
    let _agent = home.run(&daemon, "sleep 30");
    let _ = daemon.the_event("session-started");
    wait::until("the failure is counted", || {
        let page = daemon.metrics();
        let count = page.lines().find_map(|line| line.strip_prefix("interlock_outbox_failed_total "));
        if count.is_some_and(|count| count != "0") { Ok(()) } else { Err((page.clone(), daemon.log())) }
    });
}
