//! The person is told on the desktop, by a notification server of the test's own: what a click does, and whose click counts.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, binary, text},
    desktop::{Bus, Server},
    is_root, server, wait,
};

const ALL: &[&str] = &["actions", "body", "body-markup", "persistence"];
const A_WHILE: Duration = Duration::from_millis(700);

struct Desk {
    daemon: Daemon,
    bus: Bus,
    home: Home,
    server: server::Server,
    helper: Child,
}

impl Desk {
    fn new(desktop: &'static str) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let bus = Bus::start()?;
        let daemon =
            Daemon::start(&Settings { more: format!("desktop = \"{desktop}\"\n"), ..Settings::default() });
        let helper = Command::new(binary())
            .arg("--socket")
            .arg(daemon.socket())
            .arg("notify")
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { daemon, bus, home: Home::new(), server: server::Server::start(), helper })
    }

    /// An agent asks for what a rule holds; returns the hold.
    fn asks(&self) -> (Running, String) {
        let agent = self.home.run(&self.daemon, &format!("{READ_SECRET}; {}", curl(&self.server, "-m 60")));
        let hold = self.daemon.the_hold();
        (agent, hold)
    }

    fn arrives(&self) {
        self.server.arrives(1);
    }

    fn still_waits(&self, hold: &str) {
        wait::throughout("held", A_WHILE, || self.server.silent());
        assert_eq!(self.daemon.the_hold(), hold);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.helper.kill(); // it has ended
        let _ = self.helper.wait();
    }
}

#[test]
fn a_hold_is_shown_until_it_is_decided_and_a_click_denies_and_never_approves_by_default() {
    let Some(desk) = Desk::new("show") else { return };
    let desktop = Server::start(&desk.bus, ALL);
    let (mut agent, hold) = desk.asks();
    let known = Instant::now();
    let shown = desktop.shows(&format!("{hold} waits"));
    println!("shown {:?} after it was known", known.elapsed()); // no bound: a busy machine has none
    assert_eq!((shown.urgency, shown.expires), (2, 0));
    assert!(shown.body.contains("curl") && shown.body.contains("backboard.railway.app"), "{}", shown.body);
    assert!(shown.body.contains(&format!("interlock approve {hold}")), "{}", shown.body);
    assert_eq!(shown.key("Approve"), None);
    // Another program closes it: it comes back.
    desktop.closes(shown.number, 3);
    let again = desktop.shows(&format!("{hold} waits"));
    assert_ne!(again.number, shown.number);
    desktop.clicks(again.number, &again.key("Deny").unwrap());
    let _ = agent.finish();
    assert!(desk.server.seen().requests.is_empty());
    wait::until("nothing stands", || match desktop.stands() {
        stands if stands.is_empty() => Ok(()),
        stands => Err(stands),
    });
    // A second attempt after a denial freezes.
    let _again =
        desk.home.run(&desk.daemon, &format!("{READ_SECRET}; {0}; {0}", curl(&desk.server, "-m 60")));
    desk.daemon.expect(&["deny", &desk.daemon.the_hold()]);
    let frozen = desktop.shows("is frozen");
    assert!(frozen.body.contains("interlock thaw "), "{}", frozen.body);
}

#[test]
fn where_the_desktop_decides_only_the_servers_own_signal_does() {
    let Some(desk) = Desk::new("decide") else { return };
    let desktop = Server::start(&desk.bus, ALL);
    let (mut agent, hold) = desk.asks();
    let shown = desktop.shows(&format!("{hold} waits"));
    let approve = shown.key("Approve").unwrap();
    desktop.is_feigned(&desk.bus, shown.number, &approve);
    desk.still_waits(&hold);
    for (number, key) in [(shown.number, "Approve"), (shown.number, "default"), (shown.number + 1, &approve)]
    {
        desktop.clicks(number, key);
    }
    desk.still_waits(&hold);
    desktop.clicks(shown.number, &approve);
    desk.arrives();
    let _ = agent.finish();
}

/// Asks the daemon to approve what was clicked in a notification of `shower`.
fn clicked(daemon: &Daemon, hold: &str, shower: u64) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--unix-socket"]).arg(daemon.socket());
    curl.args(["-H", "content-type: application/json", "-d", &format!("{{\"desktop\": {shower}}}")]);
    text(&curl.arg(format!("http://interlock/v1/holds/{hold}/approve")).output().unwrap())
}

#[test]
fn the_daemon_refuses_a_click_in_what_a_session_showed() {
    let Some(desk) = Desk::new("decide") else { return };
    let (_agent, hold) = desk.asks();
    let member = desk.daemon.holds()[0]["pid"].as_u64().unwrap();
    let refused = clicked(&desk.daemon, &hold, member);
    assert!(refused.contains("belongs to the agent session"), "{refused}");
    let gone = clicked(&desk.daemon, &hold, u64::from(u32::MAX >> 1));
    assert!(gone.contains("has ended"), "{gone}");
    desk.still_waits(&hold);
    assert!(!desk.daemon.the_event("tamper").is_null());
}

#[test]
fn no_click_approves_unless_the_configuration_says_so() {
    let Some(desk) = Desk::new("show") else { return };
    let (_agent, hold) = desk.asks();
    let refused = clicked(&desk.daemon, &hold, u64::from(desk.helper.id()));
    assert!(refused.contains("does not count here"), "{refused}");
    desk.still_waits(&hold);
}

#[test]
fn a_server_that_can_do_less_gets_plain_words_and_one_that_comes_back_is_told_again() {
    let Some(desk) = Desk::new("decide") else { return };
    let (_agent, hold) = desk.asks();
    let poor = Server::start(&desk.bus, &["body"]);
    let shown = poor.shows(&format!("{hold} waits"));
    assert!(shown.actions.is_empty() && shown.body.contains(&format!("interlock approve {hold}")));
    drop(poor);
    let next = Server::start(&desk.bus, &[]);
    let shown = next.shows(&format!("{hold} waits"));
    assert!(shown.body.is_empty() && shown.summary.contains("interlock explain"), "{shown:?}");
    desk.daemon.expect(&["deny", &hold]);
    wait::until("it is closed", || if next.stands().is_empty() { Ok(()) } else { Err(next.stands()) });
}

#[test]
fn inside_of_a_session_there_is_no_helper() {
    let Some(desk) = Desk::new("decide") else { return };
    let bus = format!("DBUS_SESSION_BUS_ADDRESS={}", desk.bus.address);
    let helper =
        format!("{bus} timeout 20 {} --socket {} notify", binary().display(), desk.daemon.socket().display());
    let mut agent = desk.home.run(&desk.daemon, &format!("{helper}; echo EN''DED $?"));
    let said = agent.finish();
    assert!(said.contains("ENDED 4"), "{said}");
}
