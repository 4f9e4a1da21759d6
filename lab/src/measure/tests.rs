use std::collections::BTreeMap;

use super::*;
use crate::{client, stub::Request};

fn lab_client(extra: &str) -> Client {
    let text =
        format!("- {{ id: x, from: npm, package: x@1, run: x, stores: [~/.config/x/auth.json]{extra} }}");
    client::read(&text).unwrap().remove(0)
}

fn look(path: &str, how: How) -> Look {
    Look {
        path: path.to_owned(),
        how,
        program: Program { exe: "/x".into(), comm: "x".into(), argv: vec!["x".into()] },
    }
}

#[test]
fn stores_stand_in_the_order_in_which_they_were_asked_for() {
    let trace = Trace {
        looks: vec![
            look("/home/lab/shop/node_modules/y/package.json", How::Missing),
            look("/home/lab/.npmrc", How::Present),
            look("/home/lab/.xrc", How::Missing),
            look("/home/lab/.config/x/auth.json", How::Present),
            look("/home/lab/.config/x/auth.json", How::Opened),
            look("/home/lab/.netrc", How::Opened),
            look("/home/lab/.config/x/cache.json", How::Written),
            look("/home/lab/.config/x/cache.json", How::Missing),
            look("/etc/ld.so.preload", How::Missing),
        ],
        ..Trace::default()
    };
    let places = places(&lab_client(""), &Installed::default(), &trace);
    let found: Vec<(&str, bool, bool)> =
        places.iter().map(|place| (place.path.as_str(), place.own, place.opened)).collect();
    assert_eq!(
        found,
        [("~/.xrc", false, false), ("~/.config/x/auth.json", true, true), ("~/.netrc", false, true)]
    );
}

#[test]
fn a_host_is_what_it_got() {
    let names: BTreeMap<String, Ipv4Addr> =
        ["api.x.example", "telemetry.x.example", "registry.x.example", "idle.x.example", "aws.x.example"]
            .into_iter()
            .zip(2..)
            .map(|(name, n)| (name.to_owned(), Ipv4Addr::new(198, 18, 0, n)))
            .collect();
    let request = |host: &str, tag: &str| Request {
        host: host.into(),
        port: 443,
        line: "GET /v1".into(),
        tokens: vec![tag.into()],
    };
    let seen = Seen {
        names: names.clone(),
        requests: vec![request("api.x.example", "00"), request("aws.x.example", "99")],
        ..Seen::default()
    };
    let connections = names
        .iter()
        .filter(|(name, _)| !name.starts_with("idle"))
        .map(|(_, address)| (*address, 443))
        .collect();
    let hosts = host::hosts(&lab_client(""), &Trace { connections, ..Trace::default() }, &seen);
    let found: Vec<(&str, Role, bool)> =
        hosts.iter().map(|host| (host.name.as_str(), host.role, host.others_login)).collect();
    let expected = [
        ("api.x.example", Role::Api, false),
        ("aws.x.example", Role::Other, true),
        (host::REGISTRY, Role::Update, false),
        ("telemetry.x.example", Role::Telemetry, false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_variable_moves_a_store_only_where_the_store_was_read() {
    let trace = Trace {
        looks: vec![
            look("/moved/XDG_CONFIG_HOME/x/auth.json", How::Opened),
            look("/moved/XDG_CONFIG_HOME/other", How::Opened),
            look("/moved/X_FILE", How::Missing),
        ],
        ..Trace::default()
    };
    let client = lab_client(", moves: [X_FILE=~/.config/x/auth.json]");
    let facts = moved(&client, &client.moves(), "/moved", &trace);
    let found: Vec<(&str, &[String])> =
        facts.iter().map(|fact| (fact.variable.as_str(), fact.opened.as_slice())).collect();
    assert_eq!(found, [("X_FILE", &[][..]), ("XDG_CONFIG_HOME", &["x/auth.json".to_owned()][..])]);
}

#[test]
fn a_variable_replaces_the_login_where_its_token_was_sent() {
    let request =
        |tag: &str| Request { host: "h".into(), port: 443, line: String::new(), tokens: vec![tag.into()] };
    let seen = Seen { requests: vec![request("02"), request("00")], ..Seen::default() };
    let facts = logins(&lab_client(", logins: [X_OLD, X_TOKEN]"), &seen);
    assert_eq!(facts.iter().map(|fact| fact.seen).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_script_is_its_interpreters() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().canonicalize().unwrap().join("x");
    std::fs::write(&script, "#!/bin/sh -e\ntrue\n").unwrap();
    let exe = script.to_string_lossy().into_owned();
    let places = vec![(script.parent().unwrap().to_owned(), "/usr/bin".to_owned())];
    let installed = Installed { places, ..Installed::default() };
    let seen =
        program::usual(&installed, &Program { exe, comm: "x".into(), argv: vec!["x".into(), "ls".into()] });
    assert_eq!(seen.argv, ["/bin/sh", "-e", "/usr/bin/x", "ls"]);
    assert_ne!(seen.exe, "/usr/bin/x");
}
