//! A name belongs to a flow: what a connection says when it begins counts for as long as it lives.

use interlock_tests::{
    agent::{Home, READ_SECRET, Running},
    daemon::{Daemon, Settings, binary},
    is_root,
    server::Server,
    wait,
};

/// What data inside of TLS looks like.
const RECORD: &str = r"b'\x17\x03\x03\x00\x20' + bytes(32)";
/// Holds every connection after a touch.
const EVERYTHING: &str = "version: 1\nbuiltin: replace\nrules:\n  - { id: everything, summary: s, on: connect, \
     match: { destination: any, touched: { grade: A, foreign: true } }, action: hold }\n";

/// A Python program that connects to `address` as `c`, does `before`, waits for the file `go`, reads the secret, does `after`.
fn program(address: &str, before: &str, after: &str) -> String {
    format!(
        "import os, socket, sys, time\n\
         c = socket.create_connection({address})\n\
         c.settimeout(60)\n\
         {before}\n\
         print('begun', flush=True)\n\
         while not os.path.exists('go'): time.sleep(0.01)\n\
         open(os.path.expanduser('~/.railway/config.json')).read()\n\
         {after}\n\
         print('finished', flush=True)\n"
    )
}

fn run(home: &Home, daemon: &Daemon, program: &str) -> Running {
    std::fs::write(home.path().join("work/agent.py"), program).unwrap();
    let agent = home.run(daemon, "exec python3 agent.py");
    agent.says("begun");
    agent
}

fn go(home: &Home) {
    std::fs::write(home.path().join("work/go"), "").unwrap();
}

fn loopback(server: &Server) -> String {
    format!("('127.0.0.1', {})", server.port())
}

const TUNNEL: &str = r"c.sendall(b'CONNECT backboard.railway.com:443 HTTP/1.1\r\n\r\n'); c.recv(99)";

#[test]
fn a_tunnel_from_before_the_secret_keeps_its_target() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let _agent = run(&home, &daemon, &program(&loopback(&server), TUNNEL, &format!("c.sendall({RECORD})")));
    let before = server.seen().bytes;
    go(&home);
    let held = daemon.the_event("flow-held");
    assert_eq!(held["destination.domain"], "backboard.railway.com", "{held}");
    assert_eq!(server.seen().bytes, before, "nothing of the request has arrived");
}

#[test]
fn a_name_outlives_the_daemon_that_read_it() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let _agent = run(&home, &daemon, &program(&loopback(&server), TUNNEL, &format!("c.sendall({RECORD})")));
    daemon.kill();
    daemon.start_again();
    go(&home);
    assert_eq!(daemon.the_event("flow-held")["destination.domain"], "backboard.railway.com");
}

#[test]
fn a_later_word_takes_no_name_away() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let says = |host: &str| format!(r"c.sendall(b'GET / HTTP/1.1\r\nHost: {host}\r\n\r\n')");
    let first = says("backboard.railway.app") + "; c.recv(99)";
    let _agent = run(&home, &daemon, &program(&loopback(&server), &first, &says("api.anthropic.com")));
    go(&home);
    assert_eq!(daemon.the_event("flow-held")["destination.domain"], "backboard.railway.app");
    assert_eq!(server.seen().requests.len(), 1);
}

/// In a network of its own, where the address that nobody looked up is the process's own.
fn in_its_own_network(home: &Home, daemon: &Daemon, program: &str) -> Running {
    std::fs::write(home.path().join("work/agent.py"), program).unwrap();
    let inside = "ip link set lo up && ip addr add 203.0.113.10/32 dev lo && exec python3 agent.py";
    let agent = home.run(daemon, &format!("exec unshare --net bash -c '{inside}'"));
    agent.says("begun");
    agent
}

/// A server that answers whatever comes, in the same process.
const ECHO: &str = "\
import socket, threading\n\
l = socket.create_server(('203.0.113.10', 443))\n\
def serve():\n\
\x20   while True:\n\
\x20       s = l.accept()[0]\n\
\x20       threading.Thread(target=lambda: [s.sendall(b'ok') for _ in iter(lambda: s.recv(999), b'')], daemon=True).start()\n\
threading.Thread(target=serve, daemon=True).start()\n";

#[test]
fn a_models_kept_connection_goes_on_by_the_name_of_its_begin() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let hello = r"c.sendall(b'GET / HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n'); c.recv(9)";
    let request = format!("c.sendall({RECORD}); print('answered', c.recv(9), flush=True)");
    let agent = in_its_own_network(
        &home,
        &daemon,
        &(ECHO.to_owned() + &program("('203.0.113.10', 443)", hello, &request)),
    );
    go(&home);
    agent.says("answered b'ok'");
    assert!(daemon.holds().is_empty());
    let passed = daemon.the_event("flow-passed");
    assert_eq!(passed["destination.domain"], "api.anthropic.com", "{passed}");
}

#[test]
fn answers_that_the_session_gave_itself_name_nothing() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    // Its own resolver calls the address a model's.
    let resolver = "\
d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(('127.0.0.53', 53))\n\
def resolve():\n\
\x20   q, who = d.recvfrom(512)\n\
\x20   d.sendto(q[:2] + b'\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0' + q[12:] + b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\1,\\0\\4' + bytes([203, 0, 113, 10]), who)\n\
threading.Thread(target=resolve, daemon=True).start()\n\
n = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); n.connect(('127.0.0.53', 53))\n\
n.send(b'ab\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3api\\x09anthropic\\3com\\0\\0\\1\\0\\1'); assert n.recv(512)[-4:] == bytes([203, 0, 113, 10])\n";
    let script = ECHO.to_owned()
        + resolver
        + &program("('203.0.113.10', 443)", "pass", &format!("c.sendall({RECORD})"));
    let _agent = in_its_own_network(&home, &daemon, &script);
    go(&home);
    let held = daemon.the_event("flow-held");
    assert_eq!(held["destination.domain"], serde_json::Value::Null, "{held}");
    let dismissed = daemon.json(&["status"])["dismissed"].clone();
    assert_eq!(dismissed["dns/own-resolver"], 1, "{dismissed}");
}

#[test]
fn a_connection_from_before_the_session_is_reset_and_its_successor_is_judged_by_its_name() {
    if !is_root() {
        return;
    }
    let rules = Some(EVERYTHING.to_owned());
    let daemon = Daemon::start(&Settings { rules, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let inside =
        r"cat ~/.railway/config.json > /dev/null; printf '\''\27\3\3\0\1x'\'' >&3; cat <&3; echo ended $?";
    let outside = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; exec {} --socket {} run -q -- bash -c '{inside}'",
        server.port(),
        binary().display(),
        daemon.socket().display()
    );
    let mut agent = home.run_unwatched(&outside);
    let reset = daemon.the_event("flow-reset");
    assert!(reset["message"].as_str().is_some_and(|why| why.contains("older than its session")), "{reset}");
    assert!(agent.finish().contains("ended"), "{}", agent.output());
    assert!(daemon.holds().is_empty(), "nobody is asked about a guess");
    server.silent().unwrap();
    let again = home.run(&daemon, &format!("{READ_SECRET}; {}", interlock_tests::agent::curl(&server, "")));
    assert_eq!(daemon.the_event("flow-held")["destination.domain"], "backboard.railway.app");
    server.silent().unwrap();
    drop(again);
}

#[test]
fn a_datagram_to_this_machine_after_a_touch_arrives() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let home = Home::new();
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(wait::timeout())).unwrap();
    let port = receiver.local_addr().unwrap().port();
    std::fs::write(
        home.path().join("work/agent.py"),
        format!(
            "import socket\n\
             d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             d.sendto(b'metric', ('127.0.0.1', {port}))\n\
             print('no error', flush=True)\n"
        ),
    )
    .unwrap();
    let agent = home.run(&daemon, &format!("{READ_SECRET}; python3 agent.py"));
    agent.says("no error");
    assert_eq!(receiver.recv(&mut [0; 9]).unwrap(), 6);
}
