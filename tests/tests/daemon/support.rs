//! A bundle for whoever looks into a fault: everything that a report needs, and no credential.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use interlock_tests::{
    agent::{Home, READ_SECRET},
    daemon::{Daemon, Settings, binary, text},
    is_root, wait,
};
use serde_json::Value;

const TOKEN: &str = "fake-token-of-a-target-0000";
const HOOK: &str = "fake-hook-0000";
const BEARER: &str = "fake-bearer-0000";

/// Makes a bundle and unpacks it; returns its files' names and texts.
fn unpacked(daemon: &Daemon, dir: &Path) -> Vec<(String, String)> {
    let bundle = dir.join("bundle.tar.gz");
    let config = daemon.dir().join("config.toml");
    let mut make = Command::new(binary());
    make.arg("--config").arg(config).args(["support-bundle", "--file"]).arg(&bundle);
    let made = make.output().unwrap();
    assert!(made.status.success(), "{}", text(&made));
    assert_eq!(fs::metadata(&bundle).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!make.output().unwrap().status.success(), "what is there is not written over");
    let tar = Command::new("tar").arg("-xzf").arg(&bundle).arg("-C").arg(dir).status().unwrap();
    assert!(tar.success());
    let inner = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    let inner = inner.unwrap();
    let listed = Command::new("find").arg(&inner).args(["-type", "f", "-printf", "%P\n"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().map(|name| (name.to_owned(), fs::read_to_string(inner.join(name)).unwrap())).collect()
}

fn part<'f>(files: &'f [(String, String)], name: &str) -> &'f str {
    let found = files.iter().find(|(file, _)| file.starts_with(name));
    found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("no {name}: {files:?}"))
}

#[test]
fn a_bundle_says_what_is_in_force_and_holds_no_credential() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("target.token");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let more = format!(
        "[[notify]]\nname = \"team\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/{HOOK}\"\nsecret_file = \"{}\"\n",
        token.display()
    );
    let daemon = Daemon::start(&Settings { more, ..Settings::default() });
    let home = Home::new();
    let script =
        format!("{READ_SECRET}; curl -s -m 1 -H 'Authorization: Bearer {BEARER}' http://127.0.0.1:9/");
    drop(home.run(&daemon, &format!("{script}; echo done")).finish());
    wait::until("the session's end", || {
        if daemon.events("session-ended").is_empty() { Err(daemon.json(&["events"])) } else { Ok(()) }
    });

    let out = tempfile::tempdir().unwrap();
    let files = unpacked(&daemon, out.path());
    let status: Value = serde_json::from_str(part(&files, "status.json")).unwrap();
    assert_eq!(status["pid"], daemon.pid());
    let about: Value = serde_json::from_str(part(&files, "about.json")).unwrap();
    // The target's URL and its path, its secret, and the ledger's key.
    assert_eq!(about["credentials_looked_for"], 4, "{about}");
    for left in about["left_out"].as_array().unwrap() {
        let name = left["part"].as_str().unwrap();
        assert!(["service.txt", "journal.txt"].contains(&name), "{left}");
    }
    assert!(
        part(&files, "events.jsonl").contains("secret-read")
            || part(&files, "events.jsonl").contains("railway")
    );
    assert!(part(&files, "metrics.txt").contains("interlock_sessions"));
    assert!(part(&files, "config/").contains("enforce"));
    assert!(part(&files, "machine.json").contains("/etc/os-release"));
    assert!(part(&files, "files.txt").contains("control.sock"));
    let key = fs::read_to_string(daemon.dir().join("state/ledger.key")).unwrap();
    let key = key.lines().next().unwrap();
    for (name, text) in &files {
        for fake in [TOKEN, HOOK, BEARER, key] {
            assert!(!text.contains(fake), "{name} holds {fake}");
        }
    }
}

#[test]
fn without_a_daemon_or_a_configuration_that_can_be_read_it_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    fs::write(&config, "[[notify]]\nurl = \"https://a.example/fake-word-0000\n").unwrap();
    let mut make = Command::new(binary());
    let made = make.arg("--config").arg(&config).args(["support-bundle", "--file", "-"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let archive = dir.path().join("bundle.tar.gz");
    fs::write(&archive, &made.stdout).unwrap();
    let read = Command::new("tar").arg("-xzOf").arg(&archive).output().unwrap();
    let all = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success() && all.contains("config.toml:2"), "{all}");
    assert!(!all.contains("fake-word-0000"), "what is no TOML is not shown");
}
