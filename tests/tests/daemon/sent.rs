//! What became of connections that were let go on: whether anything left, and how they ended.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    time::Duration,
};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use serde_json::Value;

const WAIT_FOR: &str = "wait_for() { until test -e $1; do read -t 0.05 <> <(:); done; }";
const REQUEST: &str = "GET / HTTP/1.1\\r\\nHost: backboard.railway.app\\r\\n\\r\\n";
const REQUEST_BYTES: usize = 47;

/// Records of these kinds that are about a connection that was let go on, in their order.
fn told(daemon: &Daemon) -> Vec<Value> {
    let state = daemon.dir().join("state");
    let kinds = ["--kind", "commit", "--kind", "close", "--kind", "lapse"];
    let output = daemon
        .cli(&[&["ledger", "show", "--output", "json"][..], &kinds, &[state.to_str().unwrap()]].concat());
    let records: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let is_flow = |record: &Value| record["detail"]["object"].as_str().unwrap().starts_with("send to ");
    records.into_iter().filter(is_flow).collect()
}

fn kinds(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["kind"].as_str().unwrap()).collect()
}

pub fn until_told(daemon: &Daemon, expected: &[&str]) -> Vec<Value> {
    wait::until(&format!("{expected:?}"), || match told(daemon) {
        records if kinds(&records) == expected => Ok(records),
        records => Err(records),
    })
}

/// A session that sends a request to a host of infrastructure on descriptor 3, over loopback to `port`, and then goes on with `then`.
fn client(home: &Home, daemon: &Daemon, port: u16, then: &str) -> Running {
    home.run(
        daemon,
        &format!(
            "{WAIT_FOR}; {READ_SECRET}; exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{REQUEST}' >&3; {then}"
        ),
    )
}

fn touch(home: &Home, name: &str) {
    std::fs::write(home.path().join("work").join(name), "").unwrap();
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn reset(stream: TcpStream) {
    set_socket_linger(stream.as_fd(), Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn an_approved_connection_is_committed_when_it_sends_and_its_end_is_told() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent =
        home.run(&daemon, &format!("{READ_SECRET}; {}; echo done", curl(&server, "-d 0123456789")));
    let hold = daemon.the_hold();
    assert!(told(&daemon).is_empty(), "nothing is let go on yet");
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let records = until_told(&daemon, &["commit", "close"]);
    let (commit, close) = (&records[0]["detail"], &records[1]["detail"]);
    let arrived = server.seen().bytes;
    assert_eq!(close["bytes"], arrived, "as many as arrived: {close}");
    assert_eq!((&close["ended"], &close["at_least"]), (&"closed".into(), &Value::Null), "{close}");
    assert_eq!((&commit["hold"], &close["hold"]), (&hold.clone().into(), &hold.into()));
    assert!(commit["object"].as_str().unwrap().contains("backboard.railway.app"), "{commit}");
    let (sent, ended) = (daemon.the_event("flow-sent"), daemon.the_event("flow-ended"));
    assert_eq!(sent["interlock.hold.id"], close["hold"]);
    assert_eq!((&ended["source.bytes"], &ended["interlock.flow.ended"]), (&arrived.into(), &"closed".into()));
}

#[test]
fn a_connection_that_was_reset_before_anything_left_has_lapsed() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let (listener, port) = listener();
    let agent = client(&home, &daemon, port, "echo waits; wait_for never");
    let hold = daemon.the_hold();
    reset(listener.accept().unwrap().0);
    agent.says("waits");
    daemon.expect(&["approve", &hold]);
    wait::throughout("it is still open", Duration::from_millis(300), || match told(&daemon) {
        records if records.is_empty() => Ok(()),
        records => Err(records),
    });
    drop(agent);
    let records = until_told(&daemon, &["lapse"]);
    let detail = &records[0]["detail"];
    assert_eq!((&detail["hold"], &detail["ended"]), (&hold.into(), &"lost".into()), "{detail}");
    assert_eq!(daemon.the_event("flow-lapsed")["event.outcome"], "failure");
}

#[test]
fn who_ended_it_is_told() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let (listener, port) = listener();
    let run = |then: &str| {
        let agent = client(&home, &daemon, port, then);
        let hold = daemon.the_hold();
        daemon.expect(&["approve", &hold]);
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; REQUEST_BYTES];
        stream.read_exact(&mut request).unwrap();
        (agent, stream)
    };
    let reads = "cat <&3; exec 3>&-; echo closed; wait_for never";
    let (agent, stream) = run(reads);
    drop(stream);
    agent.says("closed");
    let records = until_told(&daemon, &["commit", "close"]);
    assert_eq!(records[1]["detail"]["ended"], "closed-there", "{}", records[1]);
    assert_eq!(records[1]["detail"]["bytes"], REQUEST_BYTES);
    drop(agent);
    let (agent, stream) = run(reads);
    reset(stream);
    agent.says("closed");
    let records = until_told(&daemon, &["commit", "close", "commit", "close"]);
    assert_eq!(records[3]["detail"]["ended"], "reset-there", "{}", records[3]);
    drop(agent);
    // Killed with something left to read: its kernel resets the connection.
    let (agent, mut stream) = run("wait_for never");
    stream.write_all(&[b'x'; 1000]).unwrap();
    drop(agent);
    let records = until_told(&daemon, &["commit", "close", "commit", "close", "commit", "close"]);
    assert_eq!(records[5]["detail"]["ended"], "reset", "{}", records[5]);
}

/// The program has written, closed and ended, and its session with it; its kernel goes on sending.
#[test]
fn what_is_queued_in_a_closed_socket_is_counted_until_it_has_left() {
    if !is_root() {
        return;
    }
    const QUEUED: usize = 200_000;
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let (listener, port) = listener();
    set_socket_recv_buffer_size(listener.as_fd(), 4096).unwrap(); // so that little of it leaves before it is read
    let then = format!("wait_for go; head -c {QUEUED} /dev/zero >&3; exec 3>&-; echo closed");
    let agent = client(&home, &daemon, port, &then);
    daemon.expect(&["approve", &daemon.the_hold()]);
    let (mut stream, _) = listener.accept().unwrap();
    let _ = until_told(&daemon, &["commit"]);
    touch(&home, "go");
    agent.says("closed");
    let _ = daemon.the_event("session-ended");
    wait::throughout("it has not ended yet", Duration::from_secs(2), || match told(&daemon) {
        records if kinds(&records) == ["commit"] => Ok(()),
        records => Err(records),
    });
    let mut arrived = Vec::new();
    stream.read_to_end(&mut arrived).unwrap();
    assert_eq!(arrived.len(), REQUEST_BYTES + QUEUED);
    let records = until_told(&daemon, &["commit", "close"]);
    let close = &records[1]["detail"];
    assert_eq!((&close["bytes"], &close["ended"]), (&arrived.len().into(), &"closed".into()), "{close}");
}

#[test]
fn of_a_denied_connection_nothing_has_left_and_nothing_is_told() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo done", curl(&server, "")));
    let hold = daemon.the_hold();
    daemon.expect(&["deny", &hold]);
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    wait::throughout("nothing leaves", Duration::from_secs(1), || server.silent());
    assert!(told(&daemon).is_empty(), "{:?}", told(&daemon));
}

#[test]
fn what_happens_while_no_daemon_runs_is_told_by_the_next() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let more =
        "head -c 41 <&3; wait_for more; printf '%01000d' 0 >&3; exec 3>&-; echo closed; wait_for never";
    let agent = client(&home, &daemon, server.port(), more);
    let hold = daemon.the_hold();
    daemon.expect(&["approve", &hold]);
    let _ = until_told(&daemon, &["commit"]);
    let saved = daemon.dir().join("state/state.json");
    wait::until("that is written down", || match std::fs::read_to_string(&saved).unwrap() {
        state if state.contains(&format!("\"bytes\":{REQUEST_BYTES}")) => Ok(()),
        state => Err(state),
    });
    daemon.kill();
    touch(&home, "more");
    agent.says("closed");
    wait::until("it arrives", || match server.seen().bytes {
        bytes if bytes == REQUEST_BYTES + 1000 => Ok(()),
        bytes => Err(bytes),
    });
    daemon.start_again();
    let records = until_told(&daemon, &["commit", "close"]);
    let close = &records[1]["detail"];
    assert_eq!(
        (&close["bytes"], &close["ended"]),
        (&(REQUEST_BYTES + 1000).into(), &"closed".into()),
        "{close}"
    );
    assert_eq!(close["hold"], hold);
}

#[test]
fn the_state_is_not_written_anew_for_as_long_as_somebody_sends() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let (home, server) = (Home::new(), Server::start());
    let sends = "for i in $(seq 60); do printf x >&3; read -t 0.05 <> <(:); done; echo sent; wait_for never";
    let agent = client(&home, &daemon, server.port(), &format!("head -c 41 <&3; wait_for go; {sends}"));
    daemon.expect(&["approve", &daemon.the_hold()]);
    let _ = until_told(&daemon, &["commit"]);
    let saved = || std::fs::metadata(daemon.dir().join("state/state.json")).unwrap().modified().unwrap();
    let mut before = saved();
    wait::until("it is at rest", || {
        let last = std::mem::replace(&mut before, saved());
        if last.elapsed().unwrap() > Duration::from_secs(2) { Ok(()) } else { Err(last) }
    });
    touch(&home, "go");
    agent.says("sent");
    assert_eq!(saved(), before);
    assert_eq!(server.seen().bytes, REQUEST_BYTES + 60);
}

#[test]
fn without_pins_an_end_of_the_daemon_leaves_an_unknown_end() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings::default());
    let (home, server) = (Home::new(), Server::start());
    let _agent = client(&home, &daemon, server.port(), "wait_for never");
    daemon.expect(&["approve", &daemon.the_hold()]);
    let _ = until_told(&daemon, &["commit"]);
    daemon.stop();
    let records = told(&daemon);
    assert_eq!(kinds(&records), ["commit", "close"]);
    let close = &records[1]["detail"];
    assert_eq!((&close["ended"], &close["at_least"]), (&"unknown".into(), &true.into()), "{close}");
    assert!(close["why"].as_str().unwrap().contains("daemon"), "{close}");
}
