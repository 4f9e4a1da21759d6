//! Daemons that start, and those that refuse to.

use std::{fs, net::TcpListener, process::Command};

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings, binary, text},
    is_root,
};
use tempfile::TempDir;

use super::program::{interlock, refuses};

#[test]
fn a_daemon_that_cannot_start_says_why_in_one_sentence() {
    if !is_root() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let plain = dir.path().join("plain");
    fs::create_dir(&plain).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let cases = [
        ("sokcet = \"/x\"".to_owned(), "config.toml:1:1: sokcet: unknown key; did you mean \"socket\"?"),
        (format!("rules = \"{}/file\"", dir.path().display()), "Not a directory"),
        ("rules = \"/nowhere\"".to_owned(), "rules: /nowhere cannot be read"),
        (format!("cgroup = \"{}\"", plain.display()), "is not a cgroup v2 mount: mount one"),
        (format!("metrics = \"{}\"", taken.local_addr().unwrap()), "set the key metrics to a free address"),
    ];
    for (keys, expected) in cases {
        let (code, said) = refuses(dir.path(), &keys);
        assert!(matches!(code, Some(1 | 2)), "{keys}: {code:?}: {said}");
        assert!(said.contains(expected), "{keys}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn two_daemons_never_share_a_state_directory_or_a_socket() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let dir = TempDir::new().unwrap();
    let (_, said) = refuses(dir.path(), &format!("state = \"{}/state\"", daemon.dir().display()));
    assert!(said.contains("another interlock daemon uses the state directory"), "{said}");
    let (_, said) = refuses(dir.path(), &format!("socket = \"{}\"", daemon.socket().display()));
    assert!(said.contains("another interlock daemon answers"), "{said}");
    let release =
        interlock(&["--config", daemon.dir().join("config.toml").to_str().unwrap(), "daemon", "--release"]);
    assert!(!release.status.success(), "nothing is released under a running daemon: {}", text(&release));
}

#[test]
fn without_privileges_the_daemon_and_the_drill_are_refused() {
    if !is_root() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let copy = dir.path().join("interlock");
    fs::copy(binary(), &copy).unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for verb in ["daemon", "drill"] {
        let output = Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&copy)
            .arg(verb)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", text(&output));
        assert!(text(&output).contains("root"), "{}", text(&output));
    }
}

#[test]
fn a_running_daemon_shows_itself_in_tables_and_json() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let agent = home.run(&daemon, "echo up; sleep 30");
    agent.says("up");
    let table = text(&daemon.cli(&["ps"]));
    assert!(
        table.starts_with("SESSION") && table.contains("  command  running") && table.contains("/work"),
        "{table}"
    );
    let session = &daemon.json(&["ps"])[0];
    assert_eq!((session["agent"].as_str(), session["status"].as_str()), (Some("command"), Some("running")));
    let status = daemon.json(&["status"]);
    assert_eq!(status["pid"], daemon.pid());
    assert_eq!(status["lost"], serde_json::json!({}));
    let doctor = daemon.json(&["doctor"]);
    let hold = doctor.as_array().unwrap().iter().find(|check| check["subject"] == "hold").unwrap().clone();
    assert_eq!(hold["state"], "good", "{doctor}");
}
