//! The command line of the real binary: what it prints, and its exit codes (0 fine, 1 a negative answer, 2 usage, 3 no
//! daemon, 4 not permitted).
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings, binary, text},
    is_root,
};
use tempfile::TempDir;

fn interlock(args: &[&str]) -> Output {
    Command::new(binary()).args(args).output().unwrap()
}

/// Starts a daemon that must refuse to start; returns what it says.
fn refuses(dir: &Path, keys: &str) -> (Option<i32>, String) {
    let config = dir.join("config.toml");
    let rest = format!("socket = \"{0}/s\"\nstate = \"{0}/state\"\npins = \"none\"\n", dir.display());
    let given: Vec<&str> = keys.lines().filter_map(|line| line.split(' ').next()).collect();
    let rest: String = rest
        .lines()
        .filter(|line| !given.iter().any(|key| line.starts_with(key)))
        .map(|line| format!("{line}\n"))
        .collect();
    let metrics = if keys.contains("metrics") { "" } else { "metrics = \"none\"\n" };
    fs::write(&config, format!("{keys}\n{rest}{metrics}watch_below = {}\n", std::process::id())).unwrap();
    let output = interlock(&["--config", config.to_str().unwrap(), "daemon"]);
    (output.status.code(), text(&output))
}

#[test]
fn without_a_daemon_every_asking_verb_says_so() {
    for verb in [
        &["status"][..],
        &["ps"],
        &["holds"],
        &["approve", "h1"],
        &["events"],
        &["suggest", "1-00000"],
        &["run", "--", "true"],
    ] {
        let output = interlock(&[&["--socket", "/nowhere/control.sock"], verb].concat());
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {}", text(&output));
        assert!(text(&output).contains("interlock daemon"), "{verb:?}: {}", text(&output));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [&["frobnicate"][..], &["approve"], &["events", "--output", "xml"], &["run"], &["suggest"]] {
        assert_eq!(interlock(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_rules_file_with_five_mistakes_is_told_all_five() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    let rules = "version: 1\nrules:\n  - id: Bad Id\n    summary: s\n    on: conect\n    match: { destination: infa }\n    \
                 action: hodl\n    severity: loud\n";
    fs::write(&file, rules).unwrap();
    let output = interlock(&["rules", "check", file.to_str().unwrap()]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        "bad.yaml:3:9: rules[0].id",
        "bad.yaml:5:9: rules[0].on",
        "bad.yaml:6:27: rules[0].match.destination",
        "bad.yaml:7:13: rules[0].action",
        "bad.yaml:8:15: rules[0].severity",
        "did you mean \"hold\"?",
        "did you mean \"infra\"?",
        "expected",
    ] {
        assert!(said.contains(expected), "{expected} is missing:\n{said}");
    }
}

#[test]
fn the_built_in_rules_are_listed_and_pass_their_own_check() {
    let listed = interlock(&["rules", "list"]);
    assert!(
        listed.status.success() && text(&listed).contains("infra-after-foreign-secret"),
        "{}",
        text(&listed)
    );
    let row = |id: &str| text(&listed).lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row("infra-after-foreign-secret").contains(" gate "), "{}", text(&listed));
    assert!(row("metadata-service").contains(" kernel "), "{}", text(&listed));
    assert!(row("foreign-secret-read").contains(" daemon "), "{}", text(&listed));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/default.yaml");
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", text(&checked));
}

/// A file of one rule about connections that holds.
fn check_hold(destination: &str, more: &[&str]) -> Output {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rule = "id: site, summary: s, on: connect, action: hold";
    let rules = format!("version: 1\nrules:\n  - {{{rule}, match: {{destination: {destination}}}}}\n");
    fs::write(&file, rules).unwrap();
    interlock(&[&["rules", "check", file.to_str().unwrap()], more].concat())
}

#[test]
fn a_rule_that_cannot_do_what_it_says_is_refused_by_the_check_and_by_the_daemon() {
    let refused = check_hold("{host: [compute.googleapis.com, www.googleapis.com]}", &[]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("site.yaml:3:108: rules[0].match.destination.host[1]: www.googleapis.com is a model's"),
        "{said}"
    );
    assert!(said.contains("write also: infra"), "{said}");
    let meant = check_hold("{host: www.googleapis.com, also: infra}", &[]);
    assert!(meant.status.success(), "{}", text(&meant));
    let pure = check_hold("{host: api.anthropic.com, also: infra}", &[]);
    assert!(text(&pure).contains("does not mark api.anthropic.com"), "{}", text(&pure));
    assert_eq!(check_hold("{class: infra, host: api.anthropic.com}", &[]).status.code(), Some(1));

    let dir = TempDir::new().unwrap();
    let rules = dir.path().join("rules.d");
    fs::create_dir(&rules).unwrap();
    let rule =
        "id: m, summary: s, on: connect, action: freeze, match: {destination: {host: api.anthropic.com}}";
    fs::write(rules.join("site.yaml"), format!("version: 1\nrules:\n  - {{{rule}}}\n")).unwrap();
    let (code, said) = refuses(dir.path(), &format!("rules = \"{}\"", rules.display()));
    assert!(
        code != Some(0) && said.contains("site.yaml:3:82: rules[0].match.destination.host"),
        "{code:?} {said}"
    );
}

#[test]
fn a_rule_that_an_exception_leaves_nothing_to_is_refused_with_its_place() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rules = "version: 1\nrules:\n  - id: quiet\n    summary: s\n    on: environ\n    match: { environ: any }\n    \
                 action: allow\n  - id: loud\n    summary: s\n    on: environ\n    match: { environ: { own: true } }\n    \
                 action: alert\n    when: session.risk >= 0\n";
    fs::write(&file, rules).unwrap();
    let said = text(&interlock(&["rules", "check", file.to_str().unwrap()]));
    assert!(said.contains("site.yaml:13:24: rules[1].when: this is always true"), "{said}");
    fs::write(&file, rules.replace("    when: session.risk >= 0\n", "")).unwrap();
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    let said = text(&checked);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("site.yaml:8:9: rules[1].id: it can never fire: the exception quiet ("), "{said}");
}

#[test]
fn what_this_machine_cannot_stop_is_a_warning_and_with_strict_a_problem() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.yaml");
    let rule = "id: o, summary: s, on: open, action: hold, match: {secret: {grade: A}}";
    fs::write(&file, format!("version: 1\nrules:\n  - {{{rule}}}\n")).unwrap();
    let lsm = fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.contains("bpf"));
    let check = |more: &[&str]| {
        let place = ["--socket", "/nowhere/control.sock", "rules", "check", file.to_str().unwrap()];
        interlock(&[&place, more].concat())
    };
    let (plain, strict) = (check(&[]), check(&["--strict"]));
    assert!(plain.status.success(), "{}", text(&plain));
    assert_eq!(text(&plain).contains("warning: "), !lsm, "{}", text(&plain));
    assert_eq!(text(&plain).contains("hold of open needs the lsm backend"), !lsm, "{}", text(&plain));
    assert_eq!(strict.status.success(), lsm, "{}", text(&strict));
}

#[test]
fn packs_are_listed_switched_and_checked() {
    let dir = TempDir::new().unwrap();
    let (rules, config) = (dir.path().join("rules"), dir.path().join("config.toml"));
    fs::create_dir(&rules).unwrap();
    fs::write(&config, format!("rules = \"{}\"\n", rules.display())).unwrap();
    fs::write(rules.join("packs.yaml"), "version: 1\npacks: { aws: off }\n").unwrap();
    let asked = |args: &[&str]| interlock(&[&["--config", config.to_str().unwrap()], args].concat());
    let packs: serde_json::Value =
        serde_json::from_slice(&asked(&["rules", "packs", "--output", "json"]).stdout).unwrap();
    let on = |name: &str| {
        packs.as_array().unwrap().iter().find(|pack| pack["name"] == name).unwrap()["on"].clone()
    };
    assert_eq!((on("aws"), on("railway")), (false.into(), true.into()), "{packs}");
    let listed = asked(&["rules", "list"]);
    let said = String::from_utf8_lossy(&listed.stderr);
    assert!(said.contains("packs switched off: aws;") && listed.status.success(), "{}", text(&listed));
    fs::write(rules.join("packs.yaml"), "version: 1\npacks: { was: off }\n").unwrap();
    for verb in
        [&["rules", "check"][..], &["rules", "list"], &["rules", "packs"], &["rules", "test", "x.yaml"]]
    {
        let refused = asked(verb);
        let said = text(&refused);
        assert!(!refused.status.success(), "{verb:?}: {said}");
        assert!(
            said.contains("packs.yaml:2:10: packs.was: there is no pack \"was\"; expected one of acquia"),
            "{said}"
        );
        assert!(
            said.contains("did you mean \"aws\"?") && said.contains("\n             ^^^"),
            "{verb:?}: {said}"
        );
    }
}

#[test]
fn the_schema_is_printed_as_it_is_committed() {
    let printed = interlock(&["rules", "schema"]);
    let committed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/schema.json")).unwrap();
    assert!(printed.status.success() && printed.stdout == committed, "{}", text(&printed));
}

#[test]
fn problems_are_json_with_the_very_characters() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    let rules = "version: 1\nrules:\n  - id: a\n    summary: s\n    on: connect\n    match: { destination: infra }\n    \
                 action: alert\n    when: sesion.age > duration(\"5s\") && destination.port == \"443\"\n";
    fs::write(&file, rules).unwrap();
    let output = interlock(&["rules", "check", "--output", "json", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let checked: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = checked[0]["problems"].as_array().unwrap();
    let line = rules.lines().nth(7).unwrap();
    let found: Vec<String> = problems
        .iter()
        .map(|problem| {
            assert_eq!((&problem["line"], &problem["source"]), (&8.into(), &line.into()), "{problem}");
            let (column, width) = (problem["column"].as_u64().unwrap(), problem["width"].as_u64().unwrap());
            line.chars().skip(column as usize - 1).take(width as usize).collect()
        })
        .collect();
    assert_eq!(found, ["sesion.age", "=="]);
    assert_eq!(problems[0]["hint"], "did you mean session.age?");
}

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
        ("sokcet = \"/x\"".to_owned(), "config.toml:1: sokcet: unknown key; did you mean socket?"),
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

#[test]
fn the_drill_is_stopped_and_says_so_in_json() {
    if !is_root() {
        return;
    }
    for (args, code, stopped, volume_deleted) in [
        (&["drill"][..], 0, true, false),
        (&["drill", "--sweep"], 0, true, false),
        (&["drill", "--approve"], 0, true, true),
        (&["drill", "--observe"], 1, false, true),
    ] {
        let output = interlock(&[args, &["--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        let drill: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(drill["stopped"], stopped, "{drill}");
        assert_eq!(drill["server"]["volume_deleted"], volume_deleted, "{drill}");
        if !volume_deleted {
            assert_eq!(drill["server"]["application_bytes"], 0, "{drill}");
            assert_eq!(drill["server"]["requests"], serde_json::json!([]), "{drill}");
        }
        assert!(drill["stages"].as_array().is_some_and(|stages| stages.len() > 5), "{drill}");
        assert_eq!(drill["time_to_stop_us"].is_u64(), args.len() == 1 || args[1] != "--observe", "{drill}");
    }
}

/// The repository's own rule tests, by the binary, without a daemon.
#[test]
fn rule_tests_are_played_and_misses_are_listed() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/tests");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/default.yaml");
    let passed = interlock(&["rules", "test", cases, "--rules", rules]);
    assert_eq!(passed.status.code(), Some(0), "{}", text(&passed));
    assert!(text(&passed).contains("as expected, 0 not"), "{}", text(&passed));

    let dir = TempDir::new().unwrap();
    let weak = dir.path().join("weak.yaml");
    fs::write(&weak, "version: 1\noverride: [{ id: infra-after-foreign-secret, enabled: false }]\n").unwrap();
    let args = ["rules", "test", cases, "--rules", weak.to_str().unwrap()];
    let failed = interlock(&args);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed));
    for expected in
        ["connections.yaml:", "the incident is held", "hold infra-after-foreign-secret", "silence"]
    {
        assert!(text(&failed).contains(expected), "{expected} is missing:\n{}", text(&failed));
    }
    let listed = interlock(&[&args[..], &["--output", "json"]].concat());
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(
        listed["failed"].as_u64() > Some(0) && listed["misses"][0]["line"].as_u64() > Some(0),
        "{listed}"
    );
}

#[test]
fn a_rule_test_with_mistakes_is_told_all_of_them_and_is_exit_code_2() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.yaml");
    fs::write(
        &file,
        "version: 1\ncases:\n  - name: a\n    events:\n      - { opne: x, expect: { hodl: y } }\n",
    )
    .unwrap();
    let output = interlock(&[
        "rules",
        "test",
        file.to_str().unwrap(),
        "--rules",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/default.yaml"),
    ]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in ["bad.yaml:5:11", "did you mean \"open\"?", "did you mean \"hold\"?", "^^^^"] {
        assert!(said.contains(expected), "{expected} is missing:\n{said}");
    }
    let none = interlock(&["rules", "test", dir.path().join("none").to_str().unwrap()]);
    assert_eq!(none.status.code(), Some(2), "{}", text(&none));
    let record = interlock(&["replay", file.to_str().unwrap()]);
    assert_eq!(record.status.code(), Some(2), "{}", text(&record));
    assert!(text(&record).contains("bad.yaml:1:1: this is not JSON"), "{}", text(&record));
}

/// A record of two sessions: one that a deploying tool did well in, and one that was frozen.
fn record(dir: &Path) -> String {
    let event = |second: u32, session: &str, more: serde_json::Value| {
        let mut event = serde_json::json!({
            "@timestamp": format!("2026-11-21T12:00:{second:02}Z"), "event.id": format!("e{second}"),
            "session.id": session, "session.agent": "claude-code", "process.pid": 4712,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{event}\n")
    };
    let started = || serde_json::json!({ "event.action": "session-started", "interlock.mode": "enforce" });
    let read = || {
        serde_json::json!({ "event.action": "secret-read", "event.kind": "alert", "interlock.mode": "enforce",
            "file.path": "/home/bob/.railway/config.json", "secret.entry": "railway-cli", "secret.class": "paas",
            "secret.grade": "A", "secret.foreign": true, "secret.owner": false, "rule.id": ["foreign-secret-read"],
            "interlock.action": "alert", "process.executable": "/usr/local/bin/deploy", "process.args": ["deploy"] })
    };
    let held = serde_json::json!({ "event.action": "flow-held", "interlock.mode": "enforce", "interlock.action": "hold",
        "destination.ip": "203.0.113.7", "destination.port": 443, "destination.class": "infra", "hold.id": "h1",
        "destination.domain": "backboard.railway.app", "destination.named_by": "server-name", "network.transport": "tcp",
        "rule.id": ["infra-after-foreign-secret"], "process.executable": "/usr/local/bin/deploy" });
    let released =
        serde_json::json!({ "event.action": "flow-released", "hold.id": "h1", "hold.decided_by": "uid 0" });
    let frozen = serde_json::json!({ "event.action": "session-frozen", "rule.id": ["secret-sweep"] });
    let lines = [
        event(1, "4711-0a1b2", started()),
        event(2, "4711-0a1b2", read()),
        event(3, "4800-0a1b2", started()),
        event(4, "4800-0a1b2", read()),
        event(5, "4800-0a1b2", frozen),
        event(6, "4711-0a1b2", held),
        event(7, "4711-0a1b2", released),
    ];
    let path = dir.join("record.jsonl");
    fs::write(&path, lines.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn exceptions_are_suggested_from_a_record_and_pass_the_check() {
    let dir = TempDir::new().unwrap();
    let record = record(dir.path());
    let good = interlock(&["suggest", "4711-0a1b2", "--file", &record]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    let file = dir.path().join("suggested.yaml");
    fs::write(&file, &good.stdout).unwrap();
    let checked = interlock(&["rules", "check", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    let again = interlock(&["replay", &record, "--rules", file.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again));
    assert!(text(&again).contains("open /home/bob/.railway/config.json"), "{}", text(&again));

    let tripped = interlock(&["suggest", "4800", "--file", &record, "--output", "json"]);
    assert_eq!(tripped.status.code(), Some(1), "{}", text(&tripped));
    let said: serde_json::Value = serde_json::from_slice(&tripped.stdout).unwrap();
    assert_eq!(
        (&said["proposals"], &said["file"]),
        (&serde_json::json!([]), &serde_json::Value::Null),
        "{said}"
    );
    assert!(said["objections"][0].as_str().unwrap().contains("session-frozen by secret-sweep"), "{said}");

    let which = interlock(&["suggest", "--file", &record]);
    assert_eq!(which.status.code(), Some(2), "{}", text(&which));
    assert!(text(&which).contains("name one of 4711-0a1b2, 4800-0a1b2"), "{}", text(&which));
}

#[test]
fn a_suggestion_that_an_own_attack_gets_through_is_refused() {
    let dir = TempDir::new().unwrap();
    let (record, corpus) = (record(dir.path()), dir.path().join("cases.yaml"));
    let args =
        ["suggest", "4711", "--file", &record, "--corpus", corpus.to_str().unwrap(), "--output", "json"];
    let attack = |program: &str| {
        format!(
            "version: 1\ncases:\n  - name: our own incident\n    events:\n      - {{ open: ~/.railway/config.json }}\n      \
             - {{ connect: backboard.railway.app, process: {program} }}\n    expect: {{ hold: infra-after-foreign-secret }}\n"
        )
    };
    let rules = |text: &str| -> Vec<serde_json::Value> {
        fs::write(&corpus, text).unwrap();
        let output = interlock(&args);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let proposals = said["proposals"].as_array().unwrap();
        proposals.iter().map(|proposal| proposal["rule"].clone()).collect()
    };
    assert_eq!(rules(&attack("/usr/bin/python3")), ["foreign-secret-read", "infra-after-foreign-secret"]);
    assert_eq!(rules(&attack("/usr/local/bin/deploy")), ["foreign-secret-read"]);
    let refused = interlock(&args[..6]);
    assert!(text(&refused).contains("it would let attacks through: our own incident"), "{}", text(&refused));

    fs::write(&corpus, "version: 1\ncases: [{ name: a, events: [{ opne: x }] }]\n").unwrap();
    let broken = interlock(&args[..6]);
    assert_eq!(broken.status.code(), Some(2), "{}", text(&broken));
    assert!(text(&broken).contains("did you mean \"open\"?"), "{}", text(&broken));
}
