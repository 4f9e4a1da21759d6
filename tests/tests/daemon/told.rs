//! The person is told on the session's own terminal, and nothing that happens there keeps the daemon waiting.

use std::{fs, time::Instant};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, binary},
    is_root,
    server::Server,
    terminal::Terminal,
    wait,
};

const WIDE: (u16, u16) = (200, 50);
const ALTERNATE: &str = "stty raw -echo; printf '\\033[?1049h\\033[2J\\033[HMY SCREEN'; ";

/// A person's terminal, in which an agent asks for something that a rule holds.
struct Desk {
    daemon: Daemon,
    server: Server,
    terminal: Terminal,
    home: Home,
}

impl Desk {
    /// `script` runs as the agent; `REQUEST` in it is the request that is held.
    fn new(settings: &Settings, script: &str) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (daemon, home, server) = (Daemon::start(settings), Home::new(), Server::start());
        let request = format!("{READ_SECRET}; {}", curl(&server, "-m 60"));
        fs::write(home.path().join("work/request.sh"), request).unwrap();
        fs::write(home.path().join("work/agent.sh"), script.replace("REQUEST", "bash request.sh")).unwrap();
        let terminal = Terminal::open(&home.path().join("work"));
        terminal.resize(WIDE.0, WIDE.1);
        Some(Self { daemon, server, terminal, home })
    }

    fn runs(&self) {
        let (binary, socket) = (binary(), self.daemon.socket());
        let run = format!("{} --socket {} run -q -- bash agent.sh", binary.display(), socket.display());
        self.terminal.types(&format!("HOME={} {run}", self.home.path().display()));
    }

    fn session(&self) -> String {
        self.daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned()
    }

    /// What `interlock doctor` says of the terminals.
    fn doctor(&self) -> String {
        let checks = self.daemon.json(&["doctor"]);
        let check = checks.as_array().unwrap().iter().find(|check| check["subject"] == "session terminals");
        check.map(|check| format!("{} {}", check["state"], check["found"])).unwrap_or_default()
    }
}

#[test]
fn a_hold_its_decision_a_freeze_a_thaw_and_a_suspension_are_told_on_the_agents_terminal() {
    let Some(desk) = Desk::new(&Settings::default(), "REQUEST; echo GOES''ON; read -r x; echo got $x") else {
        return;
    };
    desk.runs();
    let hold = desk.daemon.the_hold();
    let known = Instant::now();
    desk.terminal.displays(&format!("interlock: {hold} waits: curl -sS"), WIDE);
    println!("told {:?} after it was known", known.elapsed()); // no bound: a busy machine has none
    desk.terminal.shows("to backboard.railway.app:");
    desk.terminal.shows("infra-after-foreign-secret");
    desk.terminal.shows(&format!("in another terminal: interlock explain {hold}; interlock approve {hold}"));
    desk.daemon.expect(&["approve", &hold]);
    desk.terminal.shows(&format!("interlock: {hold} was approved by uid 0"));
    desk.terminal.shows("GOESON");
    let session = desk.session();
    desk.daemon.expect(&["freeze", &session]);
    desk.terminal.shows(&format!("interlock: session {session} is frozen: "));
    desk.terminal.shows(&format!("interlock thaw {session}"));
    desk.daemon.expect(&["thaw", &session]);
    desk.terminal.shows(&format!("interlock: session {session} goes on, on probation; thawed by uid 0"));
    desk.daemon.expect(&["break-glass", &session, "--for", "5m", "--reason", "an outage"]);
    desk.terminal.shows(&format!("interlock: nothing of session {session} is stopped until "));
    desk.terminal.shows("break-glass by uid 0");
    desk.terminal.shows(&format!("interlock break-glass {session} --end"));
    desk.daemon.expect(&["break-glass", &session, "--end"]);
    desk.terminal.shows(&format!("interlock: session {session}: rules are in force again: "));
    desk.terminal.types("y");
    desk.terminal.shows("got y");
    assert_eq!(desk.server.seen().requests.len(), 1);
    assert_eq!(desk.doctor(), "\"good\" \"told 6 times\"");
}

#[test]
fn a_full_screen_program_keeps_its_screen_and_the_window_gets_a_title_and_a_bell() {
    let Some(desk) =
        Desk::new(&Settings::default(), &format!("{ALTERNATE}REQUEST >/dev/null 2>&1; sleep 60"))
    else {
        return;
    };
    desk.runs();
    let hold = desk.daemon.the_hold();
    desk.terminal.shows(&format!("\u{1b}[22;2t\u{1b}]2;interlock: {hold} waits for a decision\u{7}\u{7}"));
    let parser = desk.terminal.looks(WIDE.0, WIDE.1);
    assert!(parser.screen().alternate_screen());
    assert_eq!(parser.screen().contents().trim(), "MY SCREEN");
    desk.daemon.expect(&["deny", &hold]);
    desk.terminal.shows(&format!("\u{1b}]2;interlock: {hold} was denied\u{7}\u{1b}[23;2t"));
    assert_eq!(desk.terminal.looks(WIDE.0, WIDE.1).screen().contents().trim(), "MY SCREEN");
}

#[test]
fn what_a_session_chose_is_shown_as_text() {
    let Some(desk) = Desk::new(&Settings::default(), "exec 2>/dev/null; REQUEST") else { return };
    let file = desk.home.path().join("work/request.sh");
    let request = fs::read_to_string(&file).unwrap();
    let hostile = "-A $'\\e[2J\\e]0;mine\\a\\ninterlock: h9 was approved' -m 60";
    fs::write(&file, request.replace("-m 60", hostile)).unwrap();
    desk.runs();
    let hold = desk.daemon.the_hold();
    desk.terminal.shows(&format!("interlock approve {hold}"));
    let screen = desk.terminal.screen();
    let (_, told) = screen.split_once(&format!("interlock: {hold} waits: ")).unwrap();
    assert!(
        told.contains("\\u{1b}[2J") && !told.contains('\u{1b}') && !told.contains("\ninterlock: h9"),
        "{told:?}"
    );
}

#[test]
fn the_person_is_told_and_not_the_terminal_that_an_agent_makes_for_its_tools() {
    let script = "script -qec 'REQUEST' inner.log </dev/null >/dev/null 2>&1; read -r x";
    let Some(desk) = Desk::new(&Settings::default(), script) else { return };
    desk.runs();
    let hold = desk.daemon.the_hold();
    desk.terminal.shows(&format!("interlock: {hold} waits: curl"));
    desk.daemon.expect(&["approve", &hold]);
    desk.terminal.shows(&format!("interlock: {hold} was approved"));
    let inner = || fs::read_to_string(desk.home.path().join("work/inner.log")).unwrap_or_default();
    wait::until("the tool has ended", || {
        if inner().contains("COMMAND_EXIT_CODE") { Ok(()) } else { Err(inner()) }
    });
    assert!(!inner().contains("interlock:"), "{}", inner());
}

#[test]
fn a_stopped_terminal_keeps_nobody_waiting_and_is_counted() {
    let Some(desk) = Desk::new(&Settings::default(), "sleep 1; REQUEST") else { return };
    desk.runs();
    wait::until("a session", || match desk.daemon.json(&["ps"]) {
        sessions if sessions[0]["id"].is_string() => Ok(()),
        sessions => Err(sessions),
    });
    desk.terminal.presses("\u{13}");
    let hold = desk.daemon.the_hold();
    let asked = Instant::now();
    desk.daemon.expect(&["approve", &hold]);
    println!("answered after {:?}", asked.elapsed()); // a daemon that waits for the terminal never answers
    wait::until("it is counted", || match desk.doctor() {
        said if said.contains("limited") && said.contains("stuck ") => Ok(()),
        said => Err(said),
    });
    assert!(!desk.terminal.screen().contains("waits"), "{}", desk.terminal.screen());
}

#[test]
fn nobody_is_told_where_nobody_sits_or_wants_to_be() {
    let quiet = [
        Settings { more: "terminal = \"off\"\n".into(), ..Settings::default() },
        Settings { unattended: true, ..Settings::default() },
    ];
    for settings in quiet {
        let Some(desk) = Desk::new(&settings, "REQUEST; echo GOES''ON; read -r x") else { return };
        desk.runs();
        if settings.unattended {
            desk.terminal.shows("GOESON");
        } else {
            let hold = desk.daemon.the_hold();
            desk.daemon.expect(&["deny", &hold]);
            desk.terminal.shows("GOESON");
        }
        let screen = desk.terminal.screen();
        assert!(!screen.contains("interlock: h") && !screen.contains("\u{1b}]2;"), "{screen}");
    }
}
