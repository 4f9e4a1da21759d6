//! The whole laboratory on a client that is a shell script: installed, run three times, measured, judged.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use interlock_core::catalog::Catalog;
use interlock_lab::{
    bench::Bench,
    client,
    install::Cache,
    judge::Judge,
    measure::{Measured, Role},
};

const SCRIPT: &str = r#"#!/bin/sh
# Looks for an old place, reads its login, asks its provider, and tells somebody else.
[ -e ~/.fakerc ]
token=$FAKE_TOKEN
[ -n "$token" ] || read -r token < "${FAKE_HOME:-$HOME/.fake}/token"
curl --disable --silent --header "Authorization: Bearer $token" https://api.fake-provider.example/v1/things
curl --disable --silent https://telemetry.fake-provider.example/
exit 5
"#;

const LINE: &str = "- { id: fake, from: file, package: @SCRIPT@, run: fake ls, stores: [{ ~/.fake/token: '@token@' }], \
                    moves: [FAKE_HOME=~/.fake], logins: [FAKE_TOKEN] }";

/// What the sandbox is made of; `None` where it is all there.
fn missing() -> Option<&'static str> {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) != 0) {
        return Some("root");
    }
    ["strace", "unshare", "ip", "curl"].into_iter().find(|program| !there(program))
}

fn measured(folder: &Path) -> Measured {
    let script = folder.join("bin/fake");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(&script, SCRIPT).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let list = LINE.replace("@SCRIPT@", &script.to_string_lossy());
    let bench = Bench {
        cache: Cache::new(&folder.join("lab")).unwrap(),
        program: env!("CARGO_BIN_EXE_lab").into(),
        keep: false,
    };
    bench.measure(&client::read(&list).unwrap()[0]).unwrap()
}

#[test]
fn a_client_is_measured_and_judged() {
    if let Some(what) = missing() {
        eprintln!("SKIPPED: the laboratory's sandbox needs {what}");
        return;
    }
    // Below the target folder, which every user may walk through.
    // Not beside the build: `/tmp`, `/home` and `/root` are the sandbox's own, and a clone may lie there.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let measured = measured(folder.path());

    let places: Vec<(&str, bool)> =
        measured.stores.iter().map(|place| (place.path.as_str(), place.opened)).collect();
    assert_eq!(places, [("~/.fakerc", false), ("~/.fake/token", true)], "{measured:#?}");
    let program = measured.stores[1].program.as_ref().unwrap();
    assert_eq!(program.argv, ["/bin/sh", "/usr/local/bin/fake", "ls"]);
    assert_eq!(measured.exit, Some(5));
    assert_eq!(measured.moves[0].opened, ["token"]);
    assert!(measured.logins[0].seen);
    let hosts: Vec<(&str, Role, &str)> =
        measured.hosts.iter().map(|host| (host.name.as_str(), host.role, host.request.as_str())).collect();
    let expected = [
        ("api.fake-provider.example", Role::Api, "GET /v1/things"),
        ("telemetry.fake-provider.example", Role::Telemetry, "GET /"),
    ];
    assert_eq!(hosts, expected);

    let catalog = Catalog::builtin().unwrap();
    let differences = Judge { catalog: &catalog }.differences(&measured, None).unwrap();
    let differences: Vec<String> =
        differences.iter().map(|found| format!("{} {}", found.kind, found.subject)).collect();
    assert_eq!(differences, ["unknown-store ~/.fake/token", "unknown-host api.fake-provider.example"]);
}
