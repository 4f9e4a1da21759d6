//! Where a decision is typed: an agent that has the person's terminal can type its own approval there, where the kernel lets it.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, binary},
    is_root,
    server::Server,
    terminal::Terminal,
    wait,
};

const A_WHILE: Duration = Duration::from_millis(500);

/// A person with two terminals; an agent that waits for a decision was started in the first, in the background.
struct Desk {
    daemon: Daemon,
    server: Server,
    first: Terminal,
    second: Terminal,
    hold: String,
    _home: Home,
}

impl Desk {
    fn new(shared_terminal: &'static str) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let daemon =
            Daemon::start(&Settings { shared_terminal: Some(shared_terminal), ..Settings::default() });
        let (home, server) = (Home::new(), Server::start());
        let request = format!("{READ_SECRET}; {}", curl(&server, "-m 60"));
        fs::write(home.path().join("work/agent.sh"), request).unwrap();
        let open = || Terminal::open(&home.path().join("work"));
        let (first, second) = (open(), open());
        let home_of = format!("HOME={} ", home.path().display());
        let socket = daemon.socket();
        first.types(&format!(
            "{home_of}{} --socket {} run -q -- bash agent.sh &",
            binary().display(),
            socket.display()
        ));
        let hold = daemon.the_hold();
        Some(Self { daemon, server, first, second, hold, _home: home })
    }

    fn session(&self) -> String {
        self.daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned()
    }

    /// Types a verb, run by a program before it; returns what it said.
    fn decides(&self, terminal: &Terminal, by: &str, verb: &str) -> String {
        let (binary, socket) = (binary(), self.daemon.socket());
        self.types(terminal, &format!("{by} {} --socket {} {verb}", binary.display(), socket.display()))
    }

    /// Types a command, and waits until it has ended; returns what it said.
    fn types(&self, terminal: &Terminal, command: &str) -> String {
        let before = terminal.screen().len();
        // Put together by the shell, so that what was typed does not look like the answer.
        terminal.types(&format!("{command}; echo EN''DED $?"));
        wait::until("an answer", || {
            let said = terminal.screen().get(before..).unwrap_or_default().to_owned();
            if said.contains("ENDED ") { Ok(said) } else { Err((said, self.daemon.log())) }
        })
    }

    fn is_refused(&self, by: &str, verb: &str) {
        let said = self.decides(&self.first, by, verb);
        self.was_refused(&said);
    }

    fn was_refused(&self, said: &str) {
        let said = said.replace("\r\n", "");
        assert!(said.contains("ENDED 4"), "{said}");
        for part in ["/dev/pts/", &self.session(), "decide from another terminal"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        wait::throughout("held", A_WHILE, || self.server.silent());
        assert_eq!(self.daemon.the_hold(), self.hold);
    }

    fn arrives(&self) {
        self.server.arrives(1);
    }
}

#[test]
fn what_a_session_could_have_typed_itself_decides_nothing() {
    let Some(desk) = Desk::new("refuse") else { return };
    let approve = format!("approve {}", desk.hold);
    // setsid takes the terminal away; sudo and script give another one.
    for by in ["", "setsid -w", "setsid -w env"] {
        desk.is_refused(by, &approve);
    }
    let inner = format!("{} --socket {} {approve}", binary().display(), desk.daemon.socket().display());
    let relayed = format!("script -qec '{inner}' /dev/null");
    desk.was_refused(&desk.types(&desk.first, &relayed));
    desk.is_refused("", &format!("approve {} --for 10m", desk.hold));
    // What stops something may be asked for from anywhere.
    let session = desk.session();
    let frozen = desk.decides(&desk.first, "", &format!("freeze {session}"));
    assert!(frozen.contains("ENDED 0"), "{frozen}");
    desk.is_refused("", &format!("thaw {session}"));
    let thawed = desk.decides(&desk.second, "", &format!("thaw {session}"));
    assert!(thawed.contains("ENDED 0"), "{thawed}");
    let approved = desk.decides(&desk.second, "", &approve);
    assert!(approved.contains("ENDED 0"), "{approved}");
    desk.arrives();
}

#[test]
fn a_decision_without_a_terminal_goes_on() {
    let Some(desk) = Desk::new("refuse") else { return };
    let caller = std::process::Command::new("setsid")
        .args(["-w".as_ref(), binary().as_os_str(), "--socket".as_ref(), desk.daemon.socket().as_os_str()])
        .args(["approve", &desk.hold])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(caller.status.success(), "{}", interlock_tests::daemon::text(&caller));
    desk.arrives();
}

#[test]
fn a_denial_may_come_from_anywhere() {
    let Some(desk) = Desk::new("refuse") else { return };
    let denied = desk.decides(&desk.first, "", &format!("deny {}", desk.hold));
    assert!(denied.contains("ENDED 0"), "{denied}");
    wait::throughout("nothing arrives", A_WHILE, || desk.server.silent());
}

#[test]
fn where_a_person_says_that_it_may_a_shared_terminal_decides() {
    let Some(desk) = Desk::new("allow") else { return };
    let approved = desk.decides(&desk.first, "", &format!("approve {}", desk.hold));
    assert!(approved.contains("ENDED 0"), "{approved}");
    desk.arrives();
}

#[test]
fn by_default_this_machines_kernel_decides_whether_a_shared_terminal_may() {
    let Some(desk) = Desk::new("detect") else { return };
    let switch = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    let approve = format!("approve {}", desk.hold);
    if switch.is_ok_and(|text| text.trim() == "0") {
        let approved = desk.decides(&desk.first, "", &approve);
        assert!(approved.contains("ENDED 0"), "{approved}");
        desk.arrives();
    } else {
        desk.is_refused("", &approve);
    }
}

/// The attack itself: the agent types the person's approval into the shell that it was started from.
#[test]
fn an_agent_types_its_own_approval() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { shared_terminal: Some("detect"), ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let typist = "import fcntl, sys, termios, time\n\
        terminal = open('/dev/tty', 'rb', buffering=0)\n\
        while True:\n  time.sleep(0.05)\n  try: words = open('hold').read()\n  except OSError: continue\n  if words: break\n\
        for letter in words: fcntl.ioctl(terminal, termios.TIOCSTI, letter.encode())\n";
    fs::write(home.path().join("work/typist.py"), typist).unwrap();
    let script = format!("{READ_SECRET}; {} & python3 typist.py; wait", curl(&server, "-m 60"));
    fs::write(home.path().join("work/agent.sh"), script).unwrap();
    let terminal = Terminal::open(&home.path().join("work"));
    let interlock = format!("{} --socket {}", binary().display(), daemon.socket().display());
    terminal.types(&format!("HOME={} {interlock} run -q -- bash agent.sh &", home.path().display()));
    let hold = daemon.the_hold();
    fs::write(home.path().join("work/next"), format!("{interlock} approve {hold}; echo EN''DED $?\n"))
        .unwrap();
    fs::rename(home.path().join("work/next"), home.path().join("work/hold")).unwrap();
    let said = wait::until("it types, or may not", || match terminal.screen() {
        screen if screen.contains("ENDED ") || screen.contains("Error") => Ok(screen),
        screen => Err(screen),
    });
    assert!(said.contains("could have typed this itself") || said.contains("OSError"), "{said}");
    wait::throughout("held", A_WHILE, || server.silent());
    assert_eq!(daemon.the_hold(), hold);
}
