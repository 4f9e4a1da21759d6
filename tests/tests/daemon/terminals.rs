//! A person's terminal: an agent that was frozen and thawed has its keys as before, or the person is told what to type.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use interlock_host::enforcement::freezer::Hierarchy;
use interlock_tests::{
    agent::Home,
    backend::{Backend, not_here},
    daemon::{Daemon, Settings, binary, text},
    is_root,
    terminal::Terminal,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Says which line it got.
const AGENT: &str = "echo READY-$((40+2)); while read -r line; do echo \"KEY:$line:\"; done";

const HOLD_OPEN: &str = "version: 1\nbuiltin: replace\nrules:\n  - id: hold-open\n    summary: A credential is about to be opened.\n    on: open\n    \
    match: { secret: { grade: A, foreign: true } }\n    action: hold\n    timeout: { after: 60s, then: deny }\n";

/// A person's shell, an agent that it runs in the foreground, and the daemon that watches it.
struct Desk {
    daemon: Daemon,
    terminal: Terminal,
    home: Home,
}

impl Desk {
    fn new(settings: &Settings, agent: &str) -> Option<Self> {
        Self::prepared(settings, agent, |_| ())
    }

    /// As [`Desk::new`], with the shell in a state of the test's own before it runs the agent.
    fn prepared(settings: &Settings, agent: &str, prepare: impl FnOnce(&Terminal)) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (daemon, home) = (Daemon::start(settings), Home::new());
        fs::write(home.path().join("work/agent.sh"), agent).unwrap();
        let terminal = Terminal::open(&home.path().join("work"));
        prepare(&terminal);
        let (binary, socket) = (binary(), daemon.socket());
        terminal.types(&format!(
            "{} --socket {} run -q -- bash agent.sh",
            binary.display(),
            socket.display()
        ));
        let desk = Self { daemon, terminal, home };
        Some(desk)
    }

    fn ready(settings: &Settings) -> Option<Self> {
        let desk = Self::new(settings, AGENT)?;
        desk.terminal.shows("READY-42");
        Some(desk)
    }

    fn session(&self) -> Value {
        wait::until("a session", || match self.daemon.json(&["ps"]) {
            sessions if sessions[0]["id"].is_string() => Ok(sessions[0].clone()),
            sessions => Err((sessions, self.terminal.screen())),
        })
    }

    fn id(&self) -> String {
        self.session()["id"].as_str().unwrap().to_owned()
    }

    fn gets(&self, key: &str) {
        self.terminal.types(key);
        self.terminal.shows(&format!("KEY:{key}:"));
    }

    fn is_stopped_for_the_shell(&self) -> bool {
        self.terminal.screen().contains("Stopped")
    }
}

/// Groups in which the session stands.
fn groups(session: &str) -> Vec<PathBuf> {
    let found = Hierarchy::of_this_machine().unwrap().freezers();
    found.get(&format!("interlock-{session}.freeze")).into_iter().flatten().cloned().collect()
}

fn stand(groups: &[PathBuf]) -> bool {
    let frozen =
        |group: &PathBuf| fs::read_to_string(group.join("cgroup.events")).unwrap().contains("frozen 1");
    groups.iter().all(frozen)
}

fn no_group_is_left(session: &str) {
    wait::until("no group of it is left", || match groups(session) {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

#[test]
fn an_agent_that_was_thawed_has_its_keys_and_its_shell_saw_nothing() {
    let Some(desk) = Desk::ready(&Settings::default()) else { return };
    desk.gets("before");
    let session = desk.id();
    for round in ["once", "twice"] {
        desk.daemon.expect(&["freeze", &session]);
        assert!(!groups(&session).is_empty() && stand(&groups(&session)));
        // Typed while it stands: it is there afterwards.
        desk.terminal.types(round);
        wait::throughout("nobody reads", std::time::Duration::from_millis(300), || {
            let screen = desk.terminal.screen();
            if screen.contains(&format!("KEY:{round}:")) || desk.is_stopped_for_the_shell() {
                Err(screen)
            } else {
                Ok(())
            }
        });
        let thawed = desk.daemon.cli(&["thaw", &session]);
        assert!(!text(&thawed).contains("fg"), "{}", text(&thawed));
        desk.terminal.shows(&format!("KEY:{round}:"));
        desk.gets(&format!("after-{round}"));
        no_group_is_left(&session);
    }
    assert!(!desk.is_stopped_for_the_shell(), "{}", desk.terminal.screen());
    let event = desk.daemon.the_event("session-frozen");
    assert_eq!(event["interlock.freeze.by_signal"], json!([]), "{event}");
    assert_eq!((&desk.session()["background"], &desk.session()["by_signal"]), (&json!(false), &json!(0)));
}

#[test]
fn sigcont_of_somebody_else_does_not_wake_what_stands_in_the_freezer() {
    let Some(desk) = Desk::ready(&Settings::default()) else { return };
    let session = desk.session();
    let (id, root) = (session["id"].as_str().unwrap(), session["root"].as_i64().unwrap());
    desk.daemon.expect(&["freeze", id]);
    for _ in 0..10 {
        kill_process(Pid::from_raw(i32::try_from(root).unwrap()).unwrap(), Signal::CONT).unwrap();
    }
    desk.terminal.types("x");
    wait::throughout("nobody reads", std::time::Duration::from_millis(300), || {
        if desk.terminal.screen().contains("KEY:x:") { Err(desk.terminal.screen()) } else { Ok(()) }
    });
    desk.daemon.expect(&["thaw", id]);
    desk.terminal.shows("KEY:x:");
}

#[test]
fn a_shell_inside_of_the_session_keeps_its_job_in_the_foreground() {
    let inner = "exec bash --norc --noprofile -i";
    let Some(desk) = Desk::new(&Settings::default(), inner) else { return };
    let session = desk.id();
    fs::write(desk.home.path().join("work/job.sh"), AGENT).unwrap();
    desk.terminal.types("bash job.sh");
    desk.gets("before");
    desk.daemon.expect(&["freeze", &session]);
    assert_eq!(desk.daemon.the_event("session-frozen")["interlock.freeze.processes"], 2);
    desk.daemon.expect(&["thaw", &session]);
    desk.gets("after");
    assert!(!desk.is_stopped_for_the_shell(), "{}", desk.terminal.screen());
}

#[test]
fn what_a_person_had_stopped_stays_stopped_through_a_freeze() {
    let Some(desk) = Desk::ready(&Settings::default()) else { return };
    let session = desk.id();
    desk.terminal.types_ctrl_z();
    desk.terminal.shows("Stopped");
    desk.daemon.expect(&["freeze", &session]);
    let thawed = desk.daemon.cli(&["thaw", &session]);
    assert!(text(&thawed).contains("type `fg`"), "{}", text(&thawed));
    let root = session.split('-').next().unwrap();
    let stat = fs::read_to_string(format!("/proc/{root}/stat")).unwrap();
    assert!(stat.contains(") T "), "{stat}");
    desk.terminal.types("fg");
    desk.gets("again");
    assert_eq!(desk.session()["background"], false);
}

/// A group of threads: its processes cannot be moved below it.
struct Threaded(PathBuf);

impl Threaded {
    fn new() -> Self {
        let hierarchy = Hierarchy::of_this_machine().unwrap();
        let own = hierarchy.directory_of(std::process::id()).unwrap();
        let above = own.join(format!("interlock-test-{}", std::process::id()));
        let threads = above.join("threads");
        fs::create_dir_all(&threads).unwrap();
        fs::write(threads.join("cgroup.type"), "threaded").unwrap();
        Self(threads)
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        for directory in [&*self.0, self.0.parent().unwrap()] {
            wait::until("the group goes", || fs::remove_dir(directory));
        }
    }
}

#[test]
fn where_there_is_no_freezer_a_signal_has_to_do_and_the_person_is_told_what_to_type() {
    if !is_root() {
        return;
    }
    let threaded = Threaded::new();
    let door = threaded.0.join("cgroup.procs");
    let desk = Desk::prepared(&Settings::default(), AGENT, |terminal| {
        terminal.types(&format!("echo $$ > {}; echo MOVED-$((40+2))", door.display()));
        terminal.shows("MOVED-42");
    });
    let Some(desk) = desk else { return };
    desk.terminal.shows("READY-42");
    let session = desk.id();
    let frozen = text(&desk.daemon.cli(&["freeze", &session]));
    assert!(frozen.contains("by a signal"), "{frozen}");
    let root: u32 = session.split('-').next().unwrap().parse().unwrap();
    let event = desk.daemon.the_event("session-frozen");
    assert_eq!(
        (&event["interlock.freeze.by_signal"], &event["interlock.freeze.still_running"]),
        (&json!([root]), &json!([])),
        "{event}"
    );
    assert!(text(&desk.daemon.cli(&["ps"])).contains("frozen, by signal"));
    desk.terminal.shows("Stopped");
    assert!(desk.daemon.log().contains("not in the freezer"), "{}", desk.daemon.log());
    let thawed = text(&desk.daemon.cli(&["thaw", &session]));
    assert!(thawed.contains("type `fg`"), "{thawed}");
    assert!(text(&desk.daemon.cli(&["ps"])).contains("in the background (fg)"));
    desk.terminal.types("fg");
    desk.gets("again");
    assert!(!text(&desk.daemon.cli(&["ps"])).contains("background"));
    let Desk { daemon, terminal, .. } = desk;
    let _ = kill_process(Pid::from_raw(i32::try_from(root).unwrap()).unwrap(), Signal::KILL);
    drop((terminal, daemon));
    no_group_is_left(&session);
}

#[test]
fn a_call_that_is_held_on_a_terminal_says_what_to_type() {
    let agent = "echo READY-$((40+2)); read -r line < ../.railway/config.json; echo READ; read -r line; echo \"KEY:$line:\"; sleep 60";
    let Some(desk) = Desk::new(&Settings { rules: Some(HOLD_OPEN.into()), ..Settings::default() }, agent)
    else {
        return;
    };
    if desk.daemon.backend("open") != Backend::Lsm {
        return not_here("an open is seen after it happened");
    }
    let hold = desk.daemon.the_hold();
    desk.terminal.shows("Stopped");
    wait::until("it is in the background", || match desk.daemon.holds() {
        holds if holds[0]["background"] == true => Ok(()),
        holds => Err(holds),
    });
    let approved = text(&desk.daemon.cli(&["approve", &hold]));
    assert!(approved.contains("type `fg`"), "{approved}");
    desk.terminal.types("fg");
    desk.gets("again");
}

#[test]
fn a_call_that_was_held_before_a_freeze_and_denied_in_it_fails_after_the_thaw() {
    let agent = "read -r line < ../.railway/config.json || echo REFUSED-$((40+2)); sleep 60";
    let Some(desk) = Desk::new(&Settings { rules: Some(HOLD_OPEN.into()), ..Settings::default() }, agent)
    else {
        return;
    };
    if desk.daemon.backend("open") != Backend::Lsm {
        return not_here("an open is seen after it happened");
    }
    let (hold, session) = (desk.daemon.the_hold(), desk.id());
    desk.daemon.expect(&["freeze", &session]);
    desk.daemon.expect(&["deny", &hold]);
    desk.daemon.expect(&["thaw", &session]);
    desk.terminal.shows("REFUSED-42");
}

fn is_thawed_after_a_restart(pinned: bool, end: impl FnOnce(&mut Daemon)) {
    let Some(mut desk) = Desk::ready(&Settings { pinned, ..Settings::default() }) else { return };
    let session = desk.id();
    desk.daemon.expect(&["freeze", &session]);
    end(&mut desk.daemon);
    assert!(!groups(&session).is_empty() && stand(&groups(&session)), "it stands without a daemon");
    desk.daemon.start_again();
    assert_eq!(desk.session()["status"], "frozen", "{}", desk.daemon.log());
    assert!(stand(&groups(&session)));
    desk.daemon.expect(&["thaw", &session]);
    desk.gets("after");
    assert!(!desk.is_stopped_for_the_shell(), "{}", desk.terminal.screen());
    no_group_is_left(&session);
}

#[test]
fn the_next_daemon_thaws_what_stands_in_the_freezer() {
    is_thawed_after_a_restart(true, Daemon::kill);
}

#[test]
fn without_pins_too_the_next_daemon_knows_what_stands_in_the_freezer() {
    is_thawed_after_a_restart(false, Daemon::kill);
}

#[test]
fn a_daemon_without_pins_says_what_stays_frozen() {
    is_thawed_after_a_restart(false, |daemon| {
        kill_process(Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap(), Signal::TERM).unwrap();
        wait::until("it ends", || daemon.ended().ok_or(()));
        let log = daemon.log();
        assert!(log.contains("stays frozen") && log.contains(".freeze"), "{log}");
    });
}

#[test]
fn a_freeze_that_its_daemon_did_not_live_to_note_is_one_all_the_same() {
    let Some(mut desk) = Desk::ready(&Settings { pinned: true, ..Settings::default() }) else { return };
    let session = desk.id();
    desk.daemon.expect(&["freeze", &session]);
    desk.daemon.kill();
    let path = desk.daemon.dir().join("state/state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    state["sessions"][0]["frozen"] = json!(false);
    fs::write(&path, state.to_string()).unwrap();
    // Somebody thaws the group meanwhile; nobody may run all the same once a daemon is there.
    for group in groups(&session) {
        fs::write(group.join("cgroup.freeze"), "0").unwrap();
    }
    desk.daemon.start_again();
    assert_eq!(desk.session()["status"], "frozen", "{}", desk.daemon.log());
    assert!(stand(&groups(&session)));
    desk.daemon.expect(&["thaw", &session]);
    desk.gets("after");
}

#[test]
fn what_is_killed_while_it_stands_leaves_no_group_behind() {
    let Some(desk) = Desk::ready(&Settings::default()) else { return };
    let session = desk.session();
    let (id, root) = (session["id"].as_str().unwrap(), session["root"].as_i64().unwrap());
    desk.daemon.expect(&["freeze", id]);
    kill_process(Pid::from_raw(i32::try_from(root).unwrap()).unwrap(), Signal::KILL).unwrap();
    wait::until("the session ends", || match desk.daemon.json(&["ps"]) {
        sessions if sessions == json!([]) => Ok(()),
        sessions => Err(sessions),
    });
    no_group_is_left(id);
    desk.terminal.shows("Killed");
}

#[test]
fn nothing_is_released_while_somebody_stands_in_the_freezer() {
    let Some(mut desk) = Desk::ready(&Settings { pinned: true, ..Settings::default() }) else { return };
    let session = desk.id();
    desk.daemon.expect(&["freeze", &session]);
    desk.daemon.kill();
    let release = |dir: &Path| {
        let mut command = Command::new(binary());
        text(
            &command
                .arg("--config")
                .arg(dir.join("config.toml"))
                .args(["daemon", "--release"])
                .output()
                .unwrap(),
        )
    };
    let refused = release(desk.daemon.dir());
    assert!(refused.contains("still frozen") && refused.contains(&session), "{refused}");
    assert!(stand(&groups(&session)));
    desk.daemon.start_again();
    desk.daemon.expect(&["thaw", &session]);
    desk.gets("after");
}
