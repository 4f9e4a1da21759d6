//! The daemon dies in the middle of a hundred holds: each of them waits on, or is denied.

use std::{
    fs,
    time::{Duration, Instant},
};

use interlock_core::holds::WAITING_MAX;
use interlock_tests::{
    agent::{Home, READ_SECRET, Running},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

use super::none_is_stopped;

/// Agents, none of which asks more than one session may.
const AGENTS: usize = 4;
/// Connections of all agents, each to a host of its own, so that each is a question of its own.
const CONNECTIONS: usize = 100;
const EACH: usize = CONNECTIONS / AGENTS;
/// What is asked at first.
const FIRST: usize = AGENTS * (EACH / 2);
/// Processes that wait in `open`.
const OPENERS: usize = 20;

/// Several agents at once.
struct Crowd(Vec<Running>);

impl Crowd {
    fn output(&self) -> String {
        self.0.iter().map(Running::output).collect()
    }

    /// Waits until all of them have come to their end.
    fn is_over(&self) {
        self.0.iter().for_each(|agent| agent.says("over"));
    }

    fn none_is_stopped(&self) {
        self.0.iter().for_each(|agent| assert_eq!(none_is_stopped(agent), Ok(())));
    }

    /// How many requests ended this way so far.
    fn ended(&self, how: &str) -> usize {
        self.0.iter().map(|agent| ended(agent, how)).sum()
    }

    /// Lets the second half of the requests begin.
    fn goes_on(&self, home: &Home) {
        (0..self.0.len())
            .for_each(|agent| fs::write(home.path().join(format!("work/fifo{agent}")), "go\n").unwrap());
    }
}

/// A hundred threads of a few programs, each with a request to another infrastructure host, that tell how theirs ended.
/// The second half of them begins when the workspace's fifos are written to.
fn hundred_requests(home: &Home, daemon: &Daemon, server: &Server) -> Crowd {
    let program = format!(
        "import socket, sys, threading
def ask(i):
    try:
        s = socket.create_connection(('127.0.0.1', {}))
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: n%s-%d.s3.eu-west-1.amazonaws.com\\r\\n\\r\\n' % (sys.argv[1].encode(), i))
        end = 'answered' if s.recv(99) else 'ended'
    except OSError as error:
        end = 'refused'
    sys.stdout.write('%s %d\\n' % (end, i)); sys.stdout.flush()
threads = [threading.Thread(target=ask, args=(i,)) for i in range({EACH})]
for t in threads[:{FIRST} // {AGENTS}]: t.start()
open('fifo' + sys.argv[1]).read()
for t in threads[{FIRST} // {AGENTS}:]: t.start()
for t in threads: t.join()
print('over', flush=True)
",
        server.port()
    );
    fs::write(home.path().join("requests.py"), program).unwrap();
    let script = |agent| format!("mkfifo fifo{agent}; {READ_SECRET}; exec python3 ~/requests.py {agent}");
    Crowd((0..AGENTS).map(|agent| home.run(daemon, &script(agent))).collect())
}

/// Waits until so many holds wait.
fn are_held(daemon: &Daemon, output: impl Fn() -> String, count: usize) {
    wait::until("the holds", || match daemon.holds().len() {
        all if all == count => Ok(()),
        some => Err((some, output())),
    });
}

/// How many requests ended this way so far.
fn ended(agent: &Running, how: &str) -> usize {
    agent.output().lines().filter(|line| line.split(' ').next() == Some(how)).count()
}

/// Seconds that a brief hold waits: long enough to see all of them wait.
fn deadline() -> u64 {
    wait::timeout().as_secs() * 2 / 5
}

/// A rule that holds until the deadline, then denies.
fn brief_hold(on: &str, condition: &str) -> Settings {
    let after = deadline();
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: brief\n    summary: A brief hold.\n    on: {on}\n    match: {{ {condition} }}\n    \
         action: hold\n    timeout: {{ after: {after}s, then: deny }}\n"
    );
    Settings { rules: Some(rules), pinned: true, ..Settings::default() }
}

#[test]
fn a_daemon_killed_while_a_hundred_connections_ask_lets_none_of_them_through() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let agents = hundred_requests(&home, &daemon, &server);
    are_held(&daemon, || agents.output(), FIRST);
    // In the middle of the second half: some are noted, some are being judged, some are not even open.
    agents.goes_on(&home);
    wait::until("one more hold", || if daemon.holds().len() > FIRST { Ok(()) } else { Err(agents.output()) });
    daemon.kill();
    wait::until("all are connected, without a daemon", || match server.seen().connections {
        CONNECTIONS => Ok(()),
        some => Err((some, agents.output())),
    });
    wait::throughout("without a daemon", Duration::from_secs(1), || server.silent());
    daemon.start_again();
    let (waiting, refused) = wait::until("each waits or was denied", || {
        let (waiting, refused) = (daemon.holds().len(), agents.ended("refused"));
        if waiting + refused == CONNECTIONS { Ok((waiting, refused)) } else { Err((waiting, refused)) }
    });
    println!("{waiting} wait on, {refused} were denied");
    assert!(waiting >= FIRST, "what was noted is not forgotten");
    wait::throughout("with a new daemon", Duration::from_secs(1), || server.silent());
    assert_eq!(daemon.holds().len() + agents.ended("refused"), CONNECTIONS);
    agents.none_is_stopped(); // a flow's hold stops nobody
    // They are whole: each can still be let through.
    for hold in daemon.holds() {
        daemon.expect(&["approve", hold["id"].as_str().unwrap()]);
    }
    agents.is_over();
    assert_eq!(
        (agents.ended("answered"), agents.ended("refused")),
        (waiting, refused),
        "{}",
        agents.output()
    );
    assert_eq!(server.seen().requests.len(), waiting);
}

#[test]
fn a_hundred_holds_whose_deadline_passes_without_a_daemon_are_answered_by_the_next() {
    if !is_root() {
        return;
    }
    let settings = brief_hold("connect", "destination: infra, touched: { grade: A, foreign: true }");
    let mut daemon = Daemon::start(&settings);
    let (home, server) = (Home::new(), Server::start());
    let agents = hundred_requests(&home, &daemon, &server);
    are_held(&daemon, || agents.output(), FIRST);
    agents.goes_on(&home);
    are_held(&daemon, || agents.output(), CONNECTIONS);
    daemon.kill();
    wait::throughout("nobody answers", Duration::from_secs(deadline() + 1), || server.silent());
    agents.none_is_stopped();
    daemon.start_again();
    agents.is_over();
    assert_eq!(agents.ended("refused"), CONNECTIONS, "{}", agents.output());
    server.silent().unwrap();
    assert!(daemon.holds().is_empty());
}

#[test]
fn openers_held_by_a_daemon_that_was_killed_never_stay_stopped() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&brief_hold("open", "secret: { entry: dotenv, foreign: true }"));
    if daemon.backend("open") != Backend::Lsm {
        return not_here("an open is seen after it began, and cannot be held");
    }
    let home = Home::new();
    for i in 0..OPENERS {
        fs::create_dir(home.path().join(format!("other/p{i}"))).unwrap();
        fs::write(home.path().join(format!("other/p{i}/.env")), "TOKEN=not-real\n").unwrap();
    }
    let script = format!(
        "for i in $(seq 0 {}); do (if read line < ~/other/p$i/.env; then echo read $i; else echo refused $i; fi) & done; \
         wait; echo over",
        OPENERS - 1
    );
    let agent = home.run(&daemon, &script);
    are_held(&daemon, || agent.output(), OPENERS);
    daemon.kill();
    wait::throughout("without a daemon", Duration::from_secs(1), || match ended(&agent, "read") {
        0 => Ok(()),
        some => Err(some),
    });
    daemon.start_again();
    agent.says("over");
    assert_eq!((ended(&agent, "read"), ended(&agent, "refused")), (0, OPENERS), "{}", agent.output());
    assert_eq!(none_is_stopped(&agent), Ok(()));
}

/// More questions than a session may ask at once.
const FLOOD: usize = 600;

#[test]
fn a_session_that_asks_more_than_anybody_can_answer_is_frozen_and_keeps_nobody_waiting() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let program = format!(
        "import socket
sockets = []
for i in range({FLOOD}):
    s = socket.create_connection(('127.0.0.1', {}))
    s.sendall(b'GET / HTTP/1.1\\r\\nHost: n%d.s3.eu-west-1.amazonaws.com\\r\\n\\r\\n' % i)
    sockets.append(s)
print('asked', flush=True)
",
        server.port()
    );
    fs::write(home.path().join("flood.py"), program).unwrap();
    let agent = home.run(&daemon, &format!("{READ_SECRET}; python3 ~/flood.py; sleep 30"));
    let frozen = daemon.the_event("session-frozen");
    assert_eq!(frozen["message"], "more waits than a person can answer", "{frozen}");
    let asked = Instant::now();
    assert_eq!(daemon.holds().len(), WAITING_MAX, "{}", agent.output());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    wait::throughout("nothing leaves", Duration::from_secs(1), || server.silent());
    assert_eq!(daemon.events("session-frozen").len(), 1, "it is frozen once");
    assert_eq!(daemon.json(&["ps"])[0]["status"], "frozen");
    // What waits can still be answered.
    daemon.expect(&["deny", daemon.holds()[0]["id"].as_str().unwrap()]);
    assert_eq!(daemon.holds().len(), WAITING_MAX - 1);
    server.silent().unwrap();
}
