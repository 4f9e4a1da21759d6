//! Break-glass and pause: for a time everything of a session is allowed, and everything is recorded.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, binary, text},
    factor, is_root,
    server::Server,
    wait,
};
use serde_json::Value;

const A_WHILE: Duration = Duration::from_millis(500);

/// A daemon, and an agent that has read a secret and sends a request whenever a file appears.
struct Desk {
    daemon: Daemon,
    home: Home,
    server: Server,
    agent: Running,
}

impl Desk {
    fn new(settings: &Settings) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (daemon, home, server) = (Daemon::start(settings), Home::new(), Server::start());
        let request = curl(&server, "-m 30");
        let script = format!(
            "{READ_SECRET}; n=1; while sleep 0.05; do if [ -e ~/go$n ]; then ({request} > ~/said$n 2>&1 &); n=$((n+1)); fi; done"
        );
        let agent = home.run(&daemon, &script);
        let _ = daemon.the_event("secret-read");
        Some(Self { daemon, home, server, agent })
    }

    fn session(&self) -> String {
        self.view()["id"].as_str().unwrap().to_owned()
    }

    fn view(&self) -> Value {
        self.daemon.json(&["ps"])[0].clone()
    }

    /// Has the agent send its n-th request.
    fn request(&self, n: usize) {
        fs::write(self.home.path().join(format!("go{n}")), "").unwrap();
    }

    fn arrived(&self, n: usize) {
        self.server.arrives(n);
    }

    fn breaks_glass(&self, time: &str) {
        let session = self.session();
        let output = self.daemon.cli(&["break-glass", &session, "--for", time, "--reason", "an outage"]);
        assert!(output.status.success() && text(&output).contains("EVERYTHING IS ALLOWED"), "{output:?}");
    }

    fn refuses(&self, code: i32, args: &[&str], why: &str) {
        let output = self.daemon.cli(args);
        assert!(output.status.code() == Some(code) && text(&output).contains(why), "{args:?}: {output:?}");
    }
}

#[test]
fn everything_goes_on_until_the_deadline_also_over_a_restart_and_everything_is_told() {
    let Some(mut desk) = Desk::new(&Settings { pinned: true, ..Settings::default() }) else { return };
    desk.request(1);
    let _ = desk.daemon.the_hold();
    desk.breaks_glass("20s");
    desk.arrived(1); // what waited goes on
    assert!(desk.daemon.holds().is_empty());
    desk.request(2);
    desk.arrived(2);
    let told = desk.daemon.the_event("would-hold");
    assert_eq!(told["interlock.session.suspended"], "break-glass", "{told}");
    let began = desk.daemon.the_event("session-suspended");
    assert_eq!(
        (&began["interlock.severity"], &began["event.kind"]),
        (&"critical".into(), &"alert".into()),
        "{began}"
    );
    assert!(began["message"].as_str().unwrap().contains("an outage"), "{began}");
    assert_eq!(desk.view()["suspended"]["way"], "break-glass");
    assert_eq!(desk.daemon.json(&["status"])["suspended"], 1);
    let doctor = text(&desk.daemon.cli(&["doctor"]));
    assert!(doctor.contains("EVERYTHING IS ALLOWED"), "{doctor}");

    desk.daemon.kill();
    desk.daemon.start_again();
    assert_eq!(desk.view()["suspended"]["reason"], "an outage", "{}", desk.view());
    desk.request(3);
    desk.arrived(3);

    let over = desk.daemon.the_event("session-resumed");
    assert!(over["message"].as_str().unwrap().contains("its time is over"), "{over}");
    assert_eq!(desk.view()["suspended"], Value::Null);
    desk.request(4);
    let _ = desk.daemon.the_hold();
    wait::throughout(
        "held",
        A_WHILE,
        || if desk.server.seen().requests.len() == 3 { Ok(()) } else { Err(()) },
    );
    let changes: Vec<Value> = desk
        .daemon
        .records("break-glass")
        .into_iter()
        .map(|record| record["detail"]["change"].clone())
        .collect();
    assert_eq!(changes, ["begin", "end"]);
    let begin = desk.daemon.records("break-glass").remove(0);
    assert_eq!(
        (&begin["detail"]["reason"], &begin["detail"]["for_seconds"]),
        (&"an outage".into(), &20.into())
    );
    drop(desk.agent);
}

#[test]
fn neither_rules_freeze_nor_kill_meanwhile_and_a_persons_freeze_ends_it() {
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - {id: any, summary: s, on: open, match: {secret: {class: paas}}, action: freeze}\n";
    let home = Home::new();
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(rules.into()), ..Settings::default() });
    let _agent = home.run(
        &daemon,
        &format!("while ! [ -e ~/go ]; do sleep 0.05; done; {READ_SECRET}; touch ~/read; sleep 60"),
    );
    let session =
        wait::until("a session", || daemon.json(&["ps"])[0]["id"].as_str().map(str::to_owned).ok_or(()));
    daemon.expect(&["break-glass", &session, "--for", "1m", "--reason", "x"]);
    fs::write(home.path().join("go"), "").unwrap();
    let told = daemon.the_event("would-freeze");
    assert_eq!(told["interlock.session.suspended"], "break-glass", "{told}");
    wait::until("it goes on", || fs::metadata(home.path().join("read")));
    assert!(daemon.events("session-frozen").is_empty());

    daemon.expect(&["freeze", &session]);
    let view = daemon.json(&["ps"])[0].clone();
    assert_eq!((&view["status"], &view["suspended"]), (&"frozen".into(), &Value::Null), "{view}");
    let again = daemon.cli(&["break-glass", &session, "--for", "1m", "--reason", "x"]);
    assert!(again.status.code() == Some(1) && text(&again).contains("interlock thaw"), "{again:?}");
}

#[test]
fn it_is_root_s_bounded_and_ended_by_hand() {
    let Some(desk) =
        Desk::new(&Settings { more: "break_glass_most = \"2m\"\n".into(), ..Settings::default() })
    else {
        return;
    };
    let session = desk.session();
    desk.refuses(1, &["break-glass", &session, "--for", "3m", "--reason", "x"], "break_glass_most");
    desk.refuses(1, &["break-glass", "1-2", "--for", "1m", "--reason", "x"], "there is no session");
    desk.refuses(2, &["break-glass", &session, "--for", "1m"], "--reason");
    desk.refuses(1, &["break-glass", &session, "--end"], "nothing is suspended");
    let other = desk.daemon.cli_as(4711, &["break-glass", &session, "--for", "1m", "--reason", "x"], "");
    assert!(other.status.code() == Some(4) && text(&other).contains("break the glass"), "{other:?}");

    desk.breaks_glass("1m");
    desk.daemon.expect(&["break-glass", &session, "--end"]);
    let over = desk.daemon.the_event("session-resumed");
    assert!(over["message"].as_str().unwrap().contains("a person ended it"), "{over}");
    desk.request(1);
    let _ = desk.daemon.the_hold();
    desk.server.silent().unwrap();
}

#[test]
fn a_session_breaks_no_glass_and_pauses_nothing() {
    let Some(desk) = Desk::new(&Settings { more: "pause = \"15m\"\n".into(), ..Settings::default() }) else {
        return;
    };
    let (session, socket) = (desk.session(), desk.daemon.socket().display().to_string());
    let interlock = format!("{} --socket {socket}", binary().display());
    let script = format!(
        "for verb in 'break-glass {session} --for 1m' 'pause --for 1m' 'pause {session} --for 1m'; do \
         {interlock} $verb --reason x; echo ENDED $?; done; (setsid {interlock} pause --reason x; echo ENDED $?) ; sleep 60"
    );
    let insider = desk.home.run(&desk.daemon, &script);
    wait::until("it was refused", || match insider.output().matches("ENDED 4").count() {
        4 => Ok(()),
        _ => Err(insider.output()),
    });
    assert!(desk.daemon.events("session-suspended").is_empty());
    assert!(desk.daemon.records("break-glass").is_empty());
}

#[test]
fn a_person_pauses_their_own_sessions_as_far_as_the_configuration_says() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    desk.refuses(4, &["pause", "--reason", "x"], "the configuration allows no pause");
    let Some(desk) = Desk::new(&Settings { more: "pause = \"15m\"\n".into(), ..Settings::default() }) else {
        return;
    };
    desk.refuses(1, &["pause", "--for", "16m", "--reason", "x"], "the key `pause`");
    desk.daemon.expect(&["pause", "--for", "15m", "--reason", "a trip through staging"]);
    desk.request(1);
    desk.arrived(1);
    assert_eq!(desk.daemon.the_event("would-hold")["interlock.session.suspended"], "pause");
    // An admin's word goes further, and a pause does not shorten it.
    desk.breaks_glass("30m");
    desk.refuses(1, &["pause", "--reason", "x"], "no session of yours");
    desk.refuses(1, &["pause", &desk.session(), "--reason", "x"], "the glass is broken");
    desk.daemon.expect(&["pause", "--end"]);
    assert_eq!(desk.view()["suspended"], Value::Null);
}

#[test]
fn who_has_enrolled_a_factor_breaks_no_glass_without_it() {
    let Some(desk) = Desk::new(&Settings { more: "factor = \"by-rule\"\n".into(), ..Settings::default() })
    else {
        return;
    };
    let _ = factor::enrol(&desk.daemon, 0);
    let session = desk.session();
    desk.refuses(4, &["break-glass", &session, "--for", "1m", "--reason", "x"], "has enrolled a factor");
    assert!(desk.daemon.records("break-glass").is_empty());
}
