//! Rules and catalogues that change while the daemon runs.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

const ONE: &str = "version: 1\nbuiltin: replace\nrules:\n  - {id: one, summary: Any secret., on: open, match: {secret: {grade: A}}, action: alert}\n";
const SECRETS: &str = include_str!("../../../rules/catalog/secrets.yaml");

/// The built-in catalogue with an entry in front of all others, so that each gets another number.
fn renumbered() -> String {
    let (head, entries) = SECRETS.split_once("\nentries:\n").unwrap();
    let entry = "  - id: a-new-one\n    class: paas\n    grade: A\n    paths: [\"~/.railway/other\"]\n    source: this test\n";
    format!("{head}\nentries:\n{entry}{entries}")
}

fn rules_are(daemon: &Daemon, what: &str, hold: impl Fn(&Value) -> bool) {
    wait::until(what, || {
        let rules = daemon.json(&["status"])["rules"].clone();
        // Not the alerts, which may be thousands.
        let log = daemon.log();
        let own = log.lines().filter(|line| !line.contains("interlock::alert"));
        if hold(&rules) { Ok(()) } else { Err((rules, own.map(str::to_owned).collect::<Vec<_>>())) }
    });
}

fn reads(daemon: &Daemon, entry: &str, path: &str) {
    wait::until(path, || {
        let events = daemon.events("secret-read");
        let found = events.iter().any(|event| {
            event["interlock.secret.entry"] == entry
                && event["file.path"].as_str().is_some_and(|found| found.ends_with(path))
        });
        if found { Ok(()) } else { Err((events, daemon.log())) }
    });
}

#[test]
fn a_changed_rule_file_is_read_and_a_broken_one_never_replaces_it() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(ONE.into()), ..Settings::default() });
    let file = daemon.dir().join("rules/test.yaml");
    let two = format!(
        "{ONE}  - {{id: two, summary: Any program., on: exec, match: {{process: {{executable: \"*\"}}}}, action: alert}}\n"
    );
    fs::write(&file, &two).unwrap();
    rules_are(&daemon, "two rules", |rules| rules["count"] == 2);
    fs::write(&file, two.replace("action: alert", "action: alrt")).unwrap();
    rules_are(&daemon, "two problems", |rules| {
        let problem = rules["problem"].as_str().unwrap_or_default();
        let lines: Vec<_> =
            rules["problems"].as_array().unwrap().iter().map(|found| &found["line"]).collect();
        rules["count"] == 2
            && problem.contains("test.yaml:4:")
            && problem.contains("test.yaml:5:")
            && lines == [4, 5]
    });
    // As editors and configuration managers do it.
    fs::write(daemon.dir().join("rules/.new"), ONE).unwrap();
    fs::rename(daemon.dir().join("rules/.new"), &file).unwrap();
    rules_are(&daemon, "one rule", |rules| {
        rules["count"] == 1 && rules["problem"].is_null() && rules["problems"] == serde_json::json!([])
    });
}

#[test]
fn own_rules_extend_the_built_in_ones_and_a_set_that_replaces_them_is_said_everywhere() {
    if !is_root() {
        return;
    }
    let extends = ONE.replace("builtin: replace\n", "");
    let daemon = Daemon::start(&Settings { rules: Some(extends), ..Settings::default() });
    let rules = daemon.json(&["status"])["rules"].clone();
    let builtin = rules["builtin"].as_u64().unwrap();
    assert!(builtin > 10 && rules["count"] == builtin + 1 && rules["replaced"].is_null(), "{rules}");

    fs::write(daemon.dir().join("rules/test.yaml"), ONE).unwrap();
    rules_are(&daemon, "they replace", |rules| {
        let place = rules["replaced"].as_str().unwrap_or_default();
        rules["count"] == 1 && rules["builtin"] == 0 && place.ends_with("test.yaml:2")
    });
    let status = text(&daemon.cli(&["status"]));
    assert!(status.contains("NONE OF THE BUILT-IN RULES IS IN FORCE"), "{status}");
    for said in [text(&daemon.cli(&["doctor"])), daemon.log()] {
        assert!(said.contains("none of the built-in rules is in force"), "{said}");
    }
    drop(daemon);
    let daemon = Daemon::start(&Settings { rules: Some(ONE.into()), ..Settings::default() });
    let log = daemon.log();
    assert!(log.contains("test.yaml:2 says builtin: replace"), "at the start: {log}");
}

#[test]
fn what_is_held_goes_on_waiting_when_the_new_rules_would_not_hold_it() {
    if !is_root() {
        return;
    }
    let hold = "version: 1\nbuiltin: replace\nrules:\n  - {id: held, summary: s, on: connect, match: {destination: infra, touched: {grade: A}}, action: hold}\n";
    let daemon = Daemon::start(&Settings { rules: Some(hold.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo finished", curl(&server, "")));
    let id = daemon.the_hold();
    fs::write(daemon.dir().join("rules/test.yaml"), ONE).unwrap();
    daemon.expect(&["rules", "reload"]);
    // TCP's own timer tries again after 200 ms and 400 ms.
    wait::throughout("nothing leaves", Duration::from_secs(2), || server.silent());
    daemon.expect(&["approve", &id]);
    assert!(agent.finish().contains("finished"), "{}", agent.output());
    assert_eq!(server.seen().requests.len(), 1);
}

#[test]
fn a_rule_by_a_name_that_the_catalogue_lacks_is_said() {
    if !is_root() {
        return;
    }
    let rules = ONE.replace("{secret: {grade: A}}", "{secret: {entry: railway-cly}}");
    let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
    let log = daemon.log();
    assert!(log.contains("test.yaml:4:") && log.contains("railway"), "{log}");
}

#[test]
fn a_changed_catalogue_renames_what_is_tagged_and_finds_what_is_new() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { catalog: true, ..Settings::default() });
    let home = Home::new();
    fs::write(home.path().join(".railway/other"), "x").unwrap();
    let railway = "~/.railway/config.json";
    let script = format!(
        "cat {railway} ~/.railway/other; until test -e go; do read -t 0.05 <> <(:); done; cat ~/.railway/other; cp {railway} x; echo done"
    );
    let mut agent = home.run(&daemon, &script);
    reads(&daemon, "railway-cli", ".railway/config.json");
    let loaded = daemon.json(&["status"])["rules"]["loaded"].clone();
    fs::write(daemon.dir().join("catalog/secrets.yaml"), renumbered()).unwrap();
    rules_are(&daemon, "the new catalogue", |rules| rules["loaded"] != loaded);
    fs::write(home.path().join("work/go"), "").unwrap();
    assert!(agent.finish().contains("done"), "{}", agent.output());
    reads(&daemon, "a-new-one", ".railway/other");
    let last = daemon.events("secret-read").pop().unwrap();
    assert_eq!(
        (&last["interlock.secret.entry"], &last["interlock.secret.grade"]),
        (&"railway-cli".into(), &"A".into()),
        "{last}"
    );
}

#[test]
fn no_read_is_judged_by_half_of_one_catalogue_and_half_of_another() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: railway, summary: Its token., on: open, match: {secret: {entry: railway-cli}}, action: deny}\n";
    let daemon = Daemon::start(&Settings { catalog: true, rules: Some(rules.into()), ..Settings::default() });
    let home = Home::new();
    let script = "exec python3 -c \"\nimport os, time\nwhile not os.path.exists('go'):\n    time.sleep(.005)\n    \
                  try: print(open(os.path.expanduser('~/.railway/config.json')).read())\n    except PermissionError: pass\n\
                  print('done')\"";
    let mut agent = home.run(&daemon, script);
    let tried = || [daemon.events("secret-read"), daemon.events("syscall-denied")].concat();
    wait::until("it tries", || if tried().is_empty() { Err(agent.output()) } else { Ok(()) });
    for round in 0..4 {
        let text = if round % 2 == 0 { renumbered() } else { SECRETS.to_owned() };
        let loaded = daemon.json(&["status"])["rules"]["loaded"].clone();
        fs::write(daemon.dir().join("catalog/secrets.yaml"), text).unwrap();
        rules_are(&daemon, "the other catalogue", |rules| rules["loaded"] != loaded);
    }
    fs::write(home.path().join("work/go"), "").unwrap();
    let output = agent.finish();
    let tried = tried();
    let times: u64 = tried.iter().map(|event| event["interlock.count"].as_u64().unwrap_or(1)).sum();
    let all_railway = tried.iter().all(|event| event["interlock.secret.entry"] == "railway-cli");
    assert!(times > 9 && all_railway, "{tried:?}");
    if daemon.backend("open") == Backend::Lsm {
        assert!(!output.contains("not-real"), "{output}");
    } else {
        not_here("a read is seen after it happened");
        assert!(output.contains("not-real"), "{output}");
    }
}

#[test]
fn a_store_that_a_variable_moved_is_a_secret_also_when_it_is_made_later() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let home = Home::new();
    let (there, later) = (home.path().join("keys"), home.path().join("elsewhere/kube"));
    fs::write(&there, "x").unwrap();
    fs::create_dir(home.path().join("elsewhere")).unwrap();
    let env = [("AWS_SHARED_CREDENTIALS_FILE", there.as_path()), ("KUBECONFIG", later.as_path())];
    let mut agent =
        home.run_in(&env, &daemon, "cat ~/keys; echo x > ~/elsewhere/kube; cat ~/elsewhere/kube; echo done");
    assert!(agent.finish().contains("done"), "{}", agent.output());
    reads(&daemon, "aws", "/keys");
    reads(&daemon, "kubeconfig", "elsewhere/kube");
}

#[test]
fn a_pipe_in_place_of_a_configuration_keeps_nobody_waiting() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(ONE.into()), catalog: true, ..Settings::default() });
    let place = daemon.dir().to_path_buf();
    let pipe = place.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    // Now a file, now a pipe, as fast as somebody can rename: whoever looks first and opens then meets the other.
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let rules = place.join("rules/test.yaml");
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &pipe, rustix::fs::CWD, &rules, exchange);
            }
        });
        let answers: Vec<bool> = (0..20).map(|_| daemon.cli(&["rules", "reload"]).status.success()).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(answers.contains(&true) && answers.contains(&false), "it met both: {answers:?}");
    });
    for other in ["/dev/zero", "/proc/kmsg"] {
        let catalog = place.join("catalog/secrets.yaml");
        std::os::unix::fs::symlink(other, &catalog).unwrap();
        let refused = daemon.cli(&["rules", "reload"]);
        assert!(!refused.status.success(), "{other}");
        fs::remove_file(&catalog).unwrap();
    }
    daemon.expect(&["status"]);
}
