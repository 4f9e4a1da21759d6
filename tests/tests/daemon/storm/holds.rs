//! The daemon dies in the middle of a hundred holds: each of them waits on, or is denied.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

use super::none_is_stopped;

/// Connections, each to a host of its own, so that each is a question of its own.
const CONNECTIONS: usize = 100;
const HALF: usize = CONNECTIONS / 2;
/// Processes that wait in `open`.
const OPENERS: usize = 20;

/// A hundred threads of one program, each with a request to another infrastructure host, that tell how theirs ended. The
/// second half of them begins when the workspace's `fifo` is written to.
fn hundred_requests(home: &Home, daemon: &Daemon, server: &Server) -> Running {
    let program = format!(
        "import socket, sys, threading
def ask(i):
    try:
        s = socket.create_connection(('127.0.0.1', {}))
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: n%d.s3.eu-west-1.amazonaws.com\\r\\n\\r\\n' % i)
        end = 'answered' if s.recv(99) else 'ended'
    except OSError as error:
        end = 'refused'
    sys.stdout.write('%s %d\\n' % (end, i)); sys.stdout.flush()
threads = [threading.Thread(target=ask, args=(i,)) for i in range({CONNECTIONS})]
for t in threads[:{HALF}]: t.start()
open('fifo').read()
for t in threads[{HALF}:]: t.start()
for t in threads: t.join()
print('over', flush=True)
",
        server.port()
    );
    fs::write(home.path().join("requests.py"), program).unwrap();
    home.run(daemon, &format!("mkfifo fifo; {READ_SECRET}; exec python3 ~/requests.py"))
}

/// Waits until so many holds wait.
fn are_held(daemon: &Daemon, agent: &Running, count: usize) {
    wait::until("the holds", || match daemon.holds().len() {
        all if all == count => Ok(()),
        some => Err((some, agent.output())),
    });
}

/// How many requests ended this way so far.
fn ended(agent: &Running, how: &str) -> usize {
    agent.output().lines().filter(|line| line.split(' ').next() == Some(how)).count()
}

/// Seconds that a brief hold waits: long enough to see all of them wait.
fn deadline() -> u64 {
    wait::patience().as_secs() * 2 / 5
}

/// A rule that holds until the deadline, then denies.
fn brief_hold(on: &str, condition: &str) -> Settings {
    let after = deadline();
    let rules = format!(
        "version: 1\nrules:\n  - id: brief\n    summary: A brief hold.\n    on: {on}\n    match: {{ {condition} }}\n    \
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
    let agent = hundred_requests(&home, &daemon, &server);
    are_held(&daemon, &agent, HALF);
    // In the middle of the second half: some are noted, some are being judged, some are not even open.
    fs::write(home.path().join("work/fifo"), "go\n").unwrap();
    wait::until("one more hold", || if daemon.holds().len() > HALF { Ok(()) } else { Err(agent.output()) });
    daemon.kill();
    wait::until("all are connected, without a daemon", || match server.seen().connections {
        CONNECTIONS => Ok(()),
        some => Err((some, agent.output())),
    });
    wait::throughout("without a daemon", Duration::from_secs(1), || server.silent());
    daemon.start_again();
    let (waiting, refused) = wait::until("each waits or was denied", || {
        let (waiting, refused) = (daemon.holds().len(), ended(&agent, "refused"));
        if waiting + refused == CONNECTIONS { Ok((waiting, refused)) } else { Err((waiting, refused)) }
    });
    println!("{waiting} wait on, {refused} were denied");
    assert!(waiting >= HALF, "what was noted is not forgotten");
    wait::throughout("with a new daemon", Duration::from_secs(1), || server.silent());
    assert_eq!(daemon.holds().len() + ended(&agent, "refused"), CONNECTIONS);
    assert_eq!(none_is_stopped(&agent), Ok(()), "a flow's hold stops nobody");
    // They are whole: each can still be let through.
    for hold in daemon.holds() {
        daemon.expect(&["approve", hold["id"].as_str().unwrap()]);
    }
    agent.says("over");
    assert_eq!(
        (ended(&agent, "answered"), ended(&agent, "refused")),
        (waiting, refused),
        "{}",
        agent.output()
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
    let mut agent = hundred_requests(&home, &daemon, &server);
    fs::write(home.path().join("work/fifo"), "go\n").unwrap();
    are_held(&daemon, &agent, CONNECTIONS);
    daemon.kill();
    wait::throughout("nobody answers", Duration::from_secs(deadline() + 1), || server.silent());
    assert_eq!(none_is_stopped(&agent), Ok(()));
    daemon.start_again();
    agent.says("over");
    assert_eq!(ended(&agent, "refused"), CONNECTIONS, "{}", agent.output());
    let _ = agent.finish();
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
    are_held(&daemon, &agent, OPENERS);
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
