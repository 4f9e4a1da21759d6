//! People are told where they are: a hold, what became of it, and once, whatever happened to the daemon meanwhile.

use std::{fs, net::TcpListener, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    receiver::{Posted, Receiver},
    server::Server,
    wait,
};
use serde_json::Value;

fn table(name: &str, address: &str, more: &str) -> String {
    format!("[[notify]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\n{more}")
}

/// An address that nobody listens at.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn kinds(posted: &[Posted]) -> Vec<String> {
    let kind =
        |one: &Posted| format!("{} {}", one.body["type"], one.body["data"]["notice"]["key"]).replace('"', "");
    posted.iter().map(kind).collect()
}

fn told(receiver: &Receiver, count: usize) -> Vec<Posted> {
    wait::until("messages", || match receiver.posted() {
        posted if posted.len() >= count => Ok(posted),
        posted => Err(posted),
    })
}

/// Until an attempt to tell has failed.
fn fails(daemon: &Daemon) {
    wait::until("a failure that is told", || match notifier(daemon) {
        view if view["failing_since"].is_string() && view["waiting"] == 1 => Ok(()),
        view => Err(view),
    });
}

#[test]
fn a_hold_is_told_with_its_evidence_and_then_who_decided() {
    if !is_root() {
        return;
    }
    let receiver = Receiver::start("127.0.0.1:0");
    let tables = table("team", &receiver.address.to_string(), "");
    let daemon = Daemon::start(&Settings { more: tables, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home
        .run(&daemon, &format!("{READ_SECRET}; {} -H 'Authorization: Bearer fake-000'", curl(&server, "")));
    let hold = wait::until("a hold", || daemon.holds().into_iter().next().ok_or(()));
    let first = told(&receiver, 1).remove(0);
    let notice = &first.body["data"]["notice"];
    let since: jiff::Timestamp = notice["at"].as_str().unwrap().parse().unwrap();
    let waited =
        jiff::Timestamp::now().duration_since(since).as_secs_f64() - first.at.elapsed().as_secs_f64();
    println!("{waited:.3} s from the hold to its arrival"); // no bound: a busy machine has none
    assert_eq!((&notice["key"], &first.body["type"]), (&hold["id"], &"interlock.hold".into()));
    let command = notice["command"].as_str().unwrap();
    assert!(command.contains("curl ") && command.contains("backboard.railway.app"), "{command}");
    assert!(!first.body.to_string().contains("fake-000"), "a credential of the command line is masked");
    assert!(notice["read"][0].as_str().unwrap().contains(".railway/config.json"), "{notice}");
    assert_eq!(
        (&notice["rules"][0], &notice["owner"]),
        (&"infra-after-foreign-secret".into(), &"root".into())
    );
    assert_eq!(notice["session"], hold["session"]);
    assert!(first.body["data"]["text"].as_str().unwrap().contains("freeze in "), "{}", first.body);

    assert_eq!(notice["evidence"], hold["evidence"]);
    let shown =
        format!("$ interlock approve {} --evidence {}", hold["id"], hold["evidence"]).replace('"', "");
    assert!(first.body["data"]["text"].as_str().unwrap().contains(&shown), "{shown}");

    daemon.expect(&["deny", hold["id"].as_str().unwrap(), "--reason", "not ours"]);
    let second = told(&receiver, 2).remove(1);
    assert_eq!(second.body["type"], "interlock.decided");
    assert_eq!(second.body["data"]["thread"], first.body["data"]["thread"]);
    let decided = &second.body["data"]["notice"]["decided"];
    assert_eq!(decided["state"], "denied", "{decided}");
    assert!(decided["by"].as_str().unwrap().contains("uid 0"), "{decided}");
    assert_eq!(decided["reason"], "not ours");
    let _ = agent.finish();
    assert_eq!(receiver.posted().len(), 2, "{:?}", kinds(&receiver.posted()));
    let doctor = daemon.json(&["doctor"]);
    let row = doctor.as_array().unwrap().iter().find(|row| row["subject"] == "notify team").cloned();
    let row = row.unwrap_or_else(|| panic!("{doctor}"));
    assert!(row["found"].as_str().unwrap().contains("last delivered") && row["state"] == "good", "{row}");
}

#[test]
fn what_nobody_could_be_told_of_is_told_once_after_a_daemon_that_was_killed() {
    if !is_root() {
        return;
    }
    let address = free_address();
    let settings = Settings { pinned: true, more: table("team", &address, ""), ..Settings::default() };
    let mut daemon = Daemon::start(&settings);
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let id = daemon.the_hold();
    fails(&daemon);
    daemon.kill();
    daemon.start_again();
    assert_eq!(daemon.the_hold(), id);
    let receiver = Receiver::start(&address);
    let first = told(&receiver, 1);
    assert_eq!(kinds(&first), [format!("interlock.hold {id}")]);
    wait::throughout("told once", Duration::from_secs(3), || match receiver.posted().len() {
        1 => Ok(()),
        _ => Err(kinds(&receiver.posted())),
    });
    daemon.expect(&["approve", &id]);
    let posted = told(&receiver, 2);
    assert_eq!(kinds(&posted), [format!("interlock.hold {id}"), format!("interlock.decided {id}")]);
    assert_eq!(posted[1].body["data"]["notice"]["decided"]["state"], "approved");
}

#[test]
fn a_hold_that_was_decided_while_nobody_could_be_told_is_told_as_what_it_became() {
    if !is_root() {
        return;
    }
    let address = free_address();
    let tables = table("team", &address, "");
    let daemon = Daemon::start(&Settings { more: tables, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let id = daemon.the_hold();
    fails(&daemon);
    daemon.expect(&["deny", &id]);
    let _ = agent.finish();
    let outbox = daemon.dir().join("state/outbox");
    let letters =
        || fs::read_dir(&outbox).unwrap().flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    // An attempt that is under way when it is decided could still reach a receiver that begins to listen then; the first one takes
    // long, as it reads the system's certificates.
    wait::until("the answer takes the question's place", || match letters().collect::<Vec<String>>() {
        all if !all.is_empty() && all.iter().all(|letter| letter.contains("denied")) => Ok(()),
        all => Err(all),
    });
    let receiver = Receiver::start(&address);
    assert_eq!(kinds(&told(&receiver, 1)), [format!("interlock.decided {id}")]);
    wait::until("an empty outbox", || match letters().count() {
        0 => Ok(()),
        left => Err(left),
    });
}

/// And whoever was told in their place is told what became of it; what a person does to a session is told as well.
#[test]
fn nobody_answers_and_the_next_target_is_told() {
    if !is_root() {
        return;
    }
    let receiver = Receiver::start("127.0.0.1:0");
    let closed = Server::start(); // answers 200 to anything: the first is told, and nobody there answers
    let first = table("first", &closed.address.to_string(), "escalate_after = \"2s\"\nto = \"second\"\n");
    let second = table("second", &receiver.address.to_string(), "events = [\"freeze\", \"thaw\"]\n");
    let daemon = Daemon::start(&Settings { more: first + &second, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 60", curl(&server, "")));
    let id = daemon.the_hold();
    let escalated = told(&receiver, 1);
    assert_eq!(kinds(&escalated), [format!("interlock.hold {id}")]);
    assert_eq!(escalated[0].body["data"]["notice"]["escalated_from"], "first");
    let session = escalated[0].body["data"]["notice"]["session"].as_str().unwrap().to_owned();
    daemon.expect(&["deny", &id]);
    daemon.expect(&["freeze", &session]);
    daemon.expect(&["thaw", &session]);
    let kinds: Vec<String> = told(&receiver, 4).iter().map(|one| one.body["type"].to_string()).collect();
    assert_eq!(kinds[1..], ["\"interlock.decided\"", "\"interlock.freeze\"", "\"interlock.thaw\""]);
}

fn notifier(daemon: &Daemon) -> Value {
    let output = daemon.cli(&["notifier", "status", "--output", "json"]);
    let views: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    views[0].clone()
}

#[test]
fn a_test_says_what_became_of_it_and_root_alone_may_send_one() {
    if !is_root() {
        return;
    }
    let receiver = Receiver::start("127.0.0.1:0");
    let tables = table("up", &receiver.address.to_string(), "") + &table("down", &free_address(), "");
    let daemon = Daemon::start(&Settings { more: tables, ..Settings::default() });
    let up = daemon.cli(&["notifier", "test", "up"]);
    assert!(up.status.success() && text(&up).contains("delivered"), "{}", text(&up));
    let down = daemon.cli(&["notifier", "test", "down"]);
    assert_eq!(down.status.code(), Some(1), "{}", text(&down));
    assert!(text(&down).contains("refused"), "connection refused: {}", text(&down));
    assert_eq!(daemon.cli(&["notifier", "status"]).status.code(), Some(1));
    let unknown = daemon.cli(&["notifier", "test", "nobody"]);
    assert!(text(&unknown).contains("no target of the notifier is named nobody"), "{}", text(&unknown));
    for args in [&["notifier", "test"][..], &["notifier", "status"]] {
        let refused = daemon.cli_as(65534, args, "");
        assert_eq!(refused.status.code(), Some(4), "{}", text(&refused));
    }
    assert_eq!(receiver.posted().len(), 1);
}
