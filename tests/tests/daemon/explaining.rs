//! Decisions of a running daemon, explained.

use std::fs;

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

const RULES: &str = "version: 1
builtin: replace
rules:
  # Live credentials and infrastructure.
  - id: held
    summary: A credential, then infrastructure.
    on: connect
    match:
      destination: infra
      touched: { grade: A, foreign: true, within: 30m }
    action: hold
    timeout: { after: 10m, then: deny }
  - {id: noted, summary: Infrastructure., on: connect, match: {destination: infra}, action: alert}
  - {id: ours, summary: Ours., on: connect, match: {destination: {host: api.example.com}}, action: allow}
";

const OTHER: &str = "version: 1\nbuiltin: replace\nrules:\n  - {id: other, summary: s, on: exec, match: {agent: x}, action: alert}\n";

fn condition<'v>(rule: &'v Value, name: &str) -> &'v Value {
    let list = |field: &str| rule[field].as_array().into_iter().flatten();
    let found = list("conditions").chain(list("unmet")).find(|condition| condition["name"] == name);
    found.unwrap_or_else(|| panic!("no condition {name}: {rule:#}"))
}

#[test]
fn a_hold_is_told_by_the_rules_that_held_it_also_when_others_are_in_force() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(RULES.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    // A shell in between that ends before the act.
    let request = format!(
        "{READ_SECRET}; until test -e ended; do read -t 0.05 <> <(:); done; {} -d x=y; echo finished",
        curl(&server, "")
    );
    let script = format!(
        "bash -c '(eval \"$0\") &' \"{request}\" 2>&1; touch ended; until test -e go; do read -t 0.05 <> <(:); done"
    );
    let agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    let explained = daemon.json(&["explain", &hold]);

    let lineage: Vec<&str> =
        explained["lineage"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let root = explained["session"].as_str().unwrap().split('-').next().unwrap();
    assert!(lineage[0].starts_with(&format!("{root} bash -c")), "{lineage:#?}");
    assert!(lineage.last().unwrap().contains(" curl -sS"), "{lineage:#?}");
    assert!(lineage.len() > 2 && lineage[1].ends_with(" (ended)"), "the shell in between: {lineage:#?}");
    let object = explained["object"].to_string();
    assert!(object.contains("backboard.railway.app:") && object.contains("HTTP request"), "{object}");
    let read = &explained["read"][0];
    assert!(read["path"].as_str().unwrap().ends_with(".railway/config.json"), "{read}");
    assert_eq!(
        (&read["counts"], &read["foreign"], &read["grade"]),
        (&true.into(), &true.into(), &"A".into())
    );
    assert!(read["before_ms"].as_u64().unwrap() < 60_000, "{read}");

    let [held, noted] = &explained["rules"].as_array().unwrap()[..] else { panic!("{explained:#}") };
    assert_eq!((&held["id"], &held["action"], &held["line"]), (&"held".into(), &"hold".into(), &5.into()));
    let written: String = RULES.lines().skip(4).take(8).map(|line| format!("{}\n", &line[2..])).collect();
    assert_eq!(held["text"], written.trim_end());
    assert_eq!(held["runs_in"], "gate");
    assert!(held["compiled"].to_string().contains("destination's class infra"), "{held:#}");
    let class = condition(held, "destination.class");
    assert_eq!((&class["asked"], &class["found"]), (&"infra".into(), &"infra".into()));
    let touched = condition(held, "touched");
    assert!(touched["found"].as_str().unwrap().contains(".railway/config.json, read "), "{touched}");
    assert!(touched["instead"].as_str().unwrap().starts_with("no foreign secret of grade A"), "{touched}");
    assert_eq!(held["exceptions"][0]["id"], "ours");
    assert_eq!(condition(&held["exceptions"][0], "destination.host")["found"], "backboard.railway.app");
    assert_eq!(noted["id"], "noted");
    assert_eq!(
        (&explained["otherwise"]["action"], &explained["otherwise"]["rule"]),
        (&"alert".into(), &"noted".into())
    );
    assert_eq!(explained["reloaded"], false);

    fs::write(daemon.dir().join("rules/test.yaml"), OTHER).unwrap();
    daemon.expect(&["rules", "reload"]);
    let mut later = daemon.json(&["explain", &hold]);
    assert_eq!(later["reloaded"], true);
    later["reloaded"] = false.into();
    assert_eq!(later, explained, "nothing else has changed");

    daemon.expect(&["deny", &hold]);
    agent.says("finished");
    let denied = daemon.the_event("flow-denied");
    let explained = daemon.json(&["explain", denied["event.id"].as_str().unwrap()]);
    assert_eq!(
        explained["rules"][0]["id"], "held",
        "the event of the answer tells of the question: {explained:#}"
    );
}

/// A shell reads a secret through a program that is gone by the time of the connection, and so is the shell.
#[test]
fn who_read_an_earlier_secret_is_named_after_it_has_ended() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(RULES.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let read = |pid: &str, by: &str| {
        format!(
            "bash -c 'echo nothing; bash -c \"echo \\$\\$ > {pid}; exec {by} ~/.railway/config.json > /dev/null\"; :'"
        )
    };
    let script = format!(
        "{}; {}; {}; until test -e go; do read -t 0.05 <> <(:); done",
        read("first", "tail -n 1"),
        read("last", "head -c 5"),
        curl(&server, "")
    );
    let _agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    let pid = |name: &str| -> u64 {
        std::fs::read_to_string(home.path().join("work").join(name)).unwrap().trim().parse().unwrap()
    };
    let (first, last) = (pid("first"), pid("last"));
    let explained = daemon.json(&["explain", &hold]);
    assert_eq!(explained["unknown"], serde_json::json!([]), "{explained:#}");
    let read = &explained["read"][0];
    assert_eq!(
        (&read["counts"], &read["by"]["pid"], &read["first_by"]["pid"], &read["others_between"]),
        (&true.into(), &last.into(), &first.into(), &false.into()),
        "{read:#}"
    );
    let by = &read["by"];
    assert!(by["executable"].as_str().unwrap().ends_with("/head"), "{by:#}");
    let path = home.path().join(".railway/config.json").display().to_string();
    assert_eq!(by["command"], format!("head -c 5 {path}"), "{by:#}");
    assert_eq!(by["at"], read["at"], "when it was last read is when the last reader did");
    assert!(read["first_by"]["at"].as_str() < by["at"].as_str(), "{read:#}");
    let lineage: Vec<&str> = by["lineage"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let root = explained["session"].as_str().unwrap().split('-').next().unwrap();
    assert!(lineage[0].starts_with(&format!("{root} bash -c")), "{lineage:#?}");
    assert!(lineage.len() == 3 && lineage[1].contains(" bash -c echo nothing"), "{lineage:#?}");
    assert_eq!(lineage[2], format!("{last} head -c 5 {path}"));

    let screen = text(&daemon.cli(&["explain", &hold]));
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("read by {last} head -c 5 {path} (")), "{screen}");
    assert!(words.contains(&format!("by {first} tail -n 1 {path} (")), "{screen}");
    assert!(words.contains(&format!("started by {root} bash -c")), "{screen}");
    daemon.expect(&["deny", &hold]);
}

#[test]
fn what_no_rule_matched_says_which_came_nearest_and_what_they_lacked() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(RULES.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let plain = format!("curl -sS --noproxy '*' http://127.0.0.1:{}/", server.port());
    let script = format!("mkfifo fifo; {plain}; read -r go < fifo; {READ_SECRET}; {plain}; echo finished");
    let mut agent = home.run(&daemon, &script);

    // Without a taint nothing asks: the connection itself was judged.
    let first = daemon.the_event("connect");
    std::fs::write(home.path().join("work/fifo"), "go\n").unwrap();
    assert!(agent.finish().contains("finished"), "{}", agent.output());
    let explained = daemon.json(&["explain", first["event.id"].as_str().unwrap()]);
    assert_eq!(explained["rules"], serde_json::json!([]), "{explained:#}");
    let nearest = explained["nearest"].as_array().unwrap();
    let ids: Vec<_> =
        nearest.iter().map(|rule| (&rule["id"], rule["unmet"].as_array().unwrap().len())).collect();
    assert_eq!(ids, [(&"noted".into(), 1), (&"held".into(), 2)]);
    assert_eq!(condition(&nearest[0], "destination.class")["found"], "local");
    assert_eq!(condition(&nearest[1], "touched")["found"], "the session read no such secret");

    // With one its data asked.
    let passed = daemon.the_event("flow-passed");
    let id = passed["event.id"].as_str().unwrap();
    let explained = daemon.json(&["explain", id]);
    let held = explained["nearest"].as_array().unwrap().iter().find(|rule| rule["id"] == "held").unwrap();
    assert_eq!(held["unmet"].as_array().unwrap().len(), 1, "only the destination differs: {explained:#}");
    assert!(
        explained["read"][0]["path"].as_str().unwrap().ends_with(".railway/config.json"),
        "{explained:#}"
    );

    let screen = text(&daemon.cli(&["explain", id]));
    assert!(screen.contains("no rule matched; these came nearest"), "{screen}");
    assert!(screen.contains("held → hold"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 110), "{screen}");
}

#[test]
fn a_freeze_is_explained_by_what_tripped_it() {
    if !is_root() {
        return;
    }
    let rules = RULES.replace("action: hold\n    timeout: { after: 10m, then: deny }", "action: freeze");
    let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let frozen = daemon.the_event("session-frozen");
    let explained = daemon.json(&["explain", frozen["event.id"].as_str().unwrap()]);
    assert_eq!(explained["rules"][0]["id"], "held", "{explained:#}");
    let id = explained["session"].as_str().unwrap();
    wait::until("it is frozen", || {
        let sessions = daemon.json(&["ps"]);
        if sessions[0]["status"] == "frozen" && sessions[0]["id"] == id { Ok(()) } else { Err(sessions) }
    });
}

#[test]
fn a_spent_risk_budget_is_explained_by_the_act_that_spent_it() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: costly, summary: Any secret., on: open, match: {secret: any}, action: alert, risk: 100}\n";
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), ..Settings::default() });
    let home = Home::new();
    let _agent =
        home.run(&daemon, &format!("{READ_SECRET}; until test -e go; do read -t 0.05 <> <(:); done"));
    let frozen = daemon.the_event("session-frozen");
    let explained = daemon.json(&["explain", frozen["event.id"].as_str().unwrap()]);
    let object = explained["object"].to_string();
    assert!(object.contains("what stopped the session: the session's risk is 100 points"), "{object}");
    assert!(object.contains(".railway/config.json"), "{object}");
    assert_eq!(explained["rules"][0]["id"], "costly", "{explained:#}");
}

#[test]
fn a_connection_that_is_judged_later_and_what_is_no_act_say_so() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(RULES.into()), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let plain = format!("curl -sS --noproxy '*' http://127.0.0.1:{}/", server.port());
    let script =
        format!("{READ_SECRET}; {plain}; echo finished; until test -e go; do read -t 0.05 <> <(:); done");
    let agent = home.run(&daemon, &script);
    agent.says("finished");
    let explained = |action: &str| {
        let event = daemon.the_event(action);
        daemon.json(&["explain", event["event.id"].as_str().unwrap()])
    };
    let connect = explained("connect");
    assert!(connect["object"].to_string().contains("judged when its first data leaves"), "{connect:#}");
    assert_eq!((&connect["rules"], &connect["rules_sha256"]), (&serde_json::json!([]), &Value::Null));
    daemon.expect(&["freeze", connect["session"].as_str().unwrap()]);
    let frozen = explained("session-frozen");
    assert!(frozen["object"].to_string().contains("no act that rules are asked about"), "{frozen:#}");
    let unknown = daemon.cli(&["explain", "e999999"]);
    assert!(
        !unknown.status.success() && text(&unknown).contains("nothing is known about"),
        "{}",
        text(&unknown)
    );
}
