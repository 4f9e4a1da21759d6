//! `interlock watch`, on a real terminal, against a real daemon.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, binary},
    factor, is_root,
    server::Server,
    terminal::Terminal,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};

const A_WHILE: Duration = Duration::from_millis(500);
const SMALL: (u16, u16) = (80, 24);

/// An agent that waits for a decision, and a person who watches from a terminal of their own.
struct Desk {
    daemon: Daemon,
    server: Server,
    terminal: Terminal,
    home: Home,
}

impl Desk {
    fn new() -> Option<Self> {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let settings = Settings { shared_terminal: Some("refuse"), pinned: true, ..settings };
        let (daemon, home, server) = (Daemon::start(&settings), Home::new(), Server::start());
        let terminal = Terminal::open(&home.path().join("work"));
        terminal.resize(SMALL.0, SMALL.1);
        Some(Self { daemon, server, terminal, home })
    }

    fn agent(&self, more: &str) -> Running {
        let agent =
            self.home.run(&self.daemon, &format!("{READ_SECRET}; {}{more}", curl(&self.server, "-m 60")));
        let _ = self.daemon.the_hold();
        agent
    }

    fn watch(&self) {
        let (binary, socket) = (binary(), self.daemon.socket());
        let watch = format!("exec {} --socket {} watch", binary.display(), socket.display());
        // Put together by the shell, so that what was typed does not look like the answer.
        self.terminal.types(&format!("sh -c 'echo $$ > pid; {watch}'; echo EN''DED $?; stty -a"));
    }

    fn displays(&self, text: &str) {
        self.terminal.displays(text, SMALL);
    }

    /// Asks for an approval, and reads all of the question.
    fn asks(&self) {
        self.reads_the_question("type yes and Enter to approve");
    }

    /// The same where the rule asks for a reason.
    fn asks_and_says_why(&self, reason: &str) {
        self.reads_the_question("r to say why, as the rule asks");
        self.terminal.presses(&format!("r{reason}\r"));
        self.displays(&format!("why: {reason}"));
    }

    fn reads_the_question(&self, end: &str) {
        self.terminal.presses("a");
        self.displays("approve h1?");
        self.terminal.presses(" ");
        self.displays(end);
    }

    /// Leaves the text that says why something was refused.
    fn leaves(&self) {
        self.terminal.presses("\u{1b}");
        self.displays("waiting for a decision: 1");
    }

    /// The terminal is as it was before.
    fn has_ended(&self) {
        self.displays("ENDED 0");
        self.displays("icanon");
        let looks = self.terminal.looks(SMALL.0, SMALL.1);
        let screen = looks.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{}", screen.contents());
        let settings = screen.contents();
        assert!(settings.contains(" icanon") && settings.contains(" echo "), "{settings}");
    }

    fn arrive(&self, count: usize) {
        self.server.arrives(count);
    }
}

#[test]
fn a_person_approves_by_key_what_the_screen_shows() {
    let Some(desk) = Desk::new() else { return };
    let mut agent = desk.agent("");
    desk.watch();
    desk.displays("waiting for a decision: 1");
    for evidence in ["curl -sS", ".railway/config.json", "infra-after-foreign-secret", "HTTP request"] {
        desk.displays(evidence);
    }
    desk.asks();
    desk.displays("read before");
    desk.terminal.presses("yes");
    wait::throughout("a word is no answer yet", A_WHILE, || desk.server.silent());
    desk.terminal.presses("\r");
    desk.displays("released h1");
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    desk.arrive(1);
    desk.displays("nothing waits");
    desk.terminal.presses("q");
    desk.has_ended();
}

/// A rule that asks for a reason and a code.
const STRICT: &str = "version: 1\nbuiltin: replace\nrules:\n  - id: strict\n    summary: A credential, then infrastructure.\n    on: connect\n    \
    match: { destination: infra, touched: { grade: A } }\n    action: hold\n    approve: { reason: required, factor: totp }\n";

#[test]
fn a_reason_and_a_code_are_given_at_the_screen_and_the_daemon_says_what_it_lacks() {
    let more = "factor = \"by-rule\"\n".into();
    let settings = Settings { rules: Some(STRICT.into()), more, ..Settings::default() };
    let Some(desk) = Desk::with(settings) else { return };
    let secret = factor::enrol(&desk.daemon, 0);
    let mut agent = desk.agent("");
    desk.watch();
    desk.displays("waiting for a decision: 1");
    desk.asks_and_says_why("ours, ticket OPS-7");
    desk.terminal.presses("yes\r");
    desk.displays("refused: not permitted");
    desk.displays("--code"); // what to do, to its last word
    wait::throughout("held", A_WHILE, || desk.server.silent());
    desk.leaves();
    desk.asks_and_says_why("ours, ticket OPS-7");
    desk.terminal.presses("c");
    desk.displays("code of your device");
    desk.terminal.presses(&format!("{}\r", factor::code(secret, 0)));
    desk.displays("a code is given");
    desk.terminal.presses("yes\r");
    desk.displays("released h1");
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    let record = desk.daemon.records("approve").remove(0);
    assert_eq!(record["detail"]["reason"], "ours, ticket OPS-7", "{record}");
    assert_eq!(record["detail"]["factor"].as_str().map(|factor| &factor[..4]), Some("totp"), "{record}");
}

#[test]
fn who_joins_a_hold_while_the_question_is_open_is_not_approved_with_it() {
    let Some(desk) = Desk::new() else { return };
    let second = curl(&desk.server, "-m 61");
    let agent = desk.agent(&format!(" & until test -e go; do read -t 0.05 <> <(:); done; {second} & wait"));
    desk.watch();
    desk.displays("waiting for a decision: 1");
    desk.asks();
    fs::write(desk.home.path().join("work/go"), "").unwrap();
    wait::until("two wait", || match desk.daemon.events("flow-held") {
        held if held.len() == 2 => Ok(()),
        held => Err((held, agent.output())),
    });
    // Another reader has seen both; the person at this screen has not.
    assert_eq!(desk.daemon.holds()[0]["others"].as_array().unwrap().len(), 1);
    desk.terminal.presses("yes\r");
    desk.displays("refused: more waits under h1 than you were shown");
    wait::throughout("held", A_WHILE, || desk.server.silent());
    desk.leaves();
    desk.asks();
    desk.displays("all 2 of these go on");
    for command in ["-m 60", "-m 61"] {
        desk.displays(command);
    }
    desk.terminal.presses("yes\r");
    desk.displays("released h1");
    desk.arrive(2);
}

#[test]
fn where_the_daemon_refuses_its_words_are_shown() {
    let Some(desk) = Desk::new() else { return };
    let script = format!("{READ_SECRET}; {}", curl(&desk.server, "-m 60"));
    fs::write(desk.home.path().join("work/agent.sh"), script).unwrap();
    let (binary, socket) = (binary(), desk.daemon.socket());
    let run = format!("{} --socket {} run -q -- bash agent.sh &", binary.display(), socket.display());
    desk.terminal.types(&format!("HOME={} {run}", desk.home.path().display()));
    let _ = desk.daemon.the_hold();
    desk.watch();
    desk.displays("waiting for a decision: 1");
    desk.asks();
    desk.terminal.presses("yes\r");
    desk.displays("refused: not permitted");
    wait::throughout("held", A_WHILE, || desk.server.silent());
    desk.leaves();
    // What stops it may be asked for from anywhere.
    desk.terminal.presses("d");
    desk.displays("y to deny h1");
    desk.terminal.presses("y");
    desk.displays("denied h1");
}

#[test]
fn a_daemon_that_ends_is_told_and_found_again_and_a_signal_leaves_the_terminal_as_it_was() {
    let Some(mut desk) = Desk::new() else { return };
    let _agent = desk.agent("");
    desk.watch();
    desk.displays("waiting for a decision: 1");
    desk.daemon.kill();
    desk.displays("NO DAEMON");
    desk.terminal.presses("a");
    desk.displays("nothing can be decided");
    desk.daemon.start_again();
    desk.displays("the daemon answers again");
    desk.terminal.resize(120, 40);
    // Drawn anew first: crossterm may leave a key that comes at the same moment as a new size until the next key.
    desk.terminal.displays("over tcp, class infra, provider railway", (120, 40));
    desk.terminal.presses("k");
    desk.terminal.displays("enter explain", (120, 40));
    desk.terminal.presses("d");
    desk.terminal.displays("y to deny h1", (120, 40));
    let pid: i32 = fs::read_to_string(desk.home.path().join("work/pid")).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    desk.has_ended();
    assert_eq!(desk.daemon.holds().len(), 1, "nothing was decided");
}
