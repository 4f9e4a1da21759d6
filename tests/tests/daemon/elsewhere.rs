//! A socket that goes elsewhere while its question is open: an answer is about the destination that was asked about.

use std::{net::UdpSocket, time::Duration};

use interlock_tests::{
    agent::{Home, Running},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

use super::sent::until_told;

const A_SECOND: Duration = Duration::from_secs(1);

/// A daemon that holds connections to these ports and to no others.
fn holding(ports: &[u16]) -> Daemon {
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: held-port\n    summary: A port that is held.\n    on: connect\n    match: {{ destination: \
         {{ port: {ports:?} }} }}\n    action: hold\n    timeout: {{ after: 10m, then: freeze }}\n"
    );
    Daemon::start(&Settings { rules: Some(rules), ..Settings::default() })
}

/// Runs Python lines, with a way to take a connected socket elsewhere, as a session.
fn python(home: &Home, daemon: &Daemon, lines: &str) -> Running {
    let common = "import ctypes, os, socket, time\n\
        libc = ctypes.CDLL(None)\n\
        def go(s, port):\n    \
            libc.connect(s.fileno(), b'\\0' * 16, 16)\n    \
            s.connect(('127.0.0.1', port))\n\
        def until(name):\n    \
            while not os.path.exists(name): time.sleep(.02)\n\
        def offer(s, data, port):\n    \
            try: s.sendto(data, ('127.0.0.1', port))\n    \
            except PermissionError: pass\n";
    std::fs::write(home.path().join("work/agent.py"), format!("{common}{lines}")).unwrap();
    home.run(daemon, "exec python3 -u agent.py")
}

/// Lets the agent go on that waits for a file of this name.
fn let_on(home: &Home, name: &str) {
    std::fs::write(home.path().join("work").join(name), "").unwrap();
}

/// The waiting hold whose destination has this port.
fn hold_for(daemon: &Daemon, port: u16) -> String {
    let is_it = |hold: &serde_json::Value| {
        hold["destination"].as_str().is_some_and(|text| text.contains(&format!(":{port}")))
    };
    wait::until("a hold for the port", || {
        let holds = daemon.holds();
        let found = holds.iter().find(|hold| is_it(hold)).and_then(|hold| hold["id"].as_str());
        found.map(str::to_owned).ok_or_else(|| (holds.clone(), daemon.json(&["events"])))
    })
}

#[test]
fn an_allowance_does_not_follow_a_socket_to_another_server() {
    if !is_root() {
        return;
    }
    let (free, held) = (Server::start(), Server::start());
    let (daemon, home) = (holding(&[held.port()]), Home::new());
    let lines = format!(
        "sockets = []\n\
         for _ in range(30):\n    \
             s = socket.create_connection(('127.0.0.1', {})); s.sendall(b'\\0harmless')\n    \
             go(s, {}); s.sendall(b'\\0swapped'); sockets.append(s)\n\
         print('sent'); time.sleep(30)\n",
        free.port(),
        held.port()
    );
    let agent = python(&home, &daemon, &lines);
    agent.says("sent");
    let hold = hold_for(&daemon, held.port());
    wait::throughout("the other server hears nothing", 2 * A_SECOND, || held.silent());
    daemon.expect(&["approve", &hold]);
    wait::until("all arrive after the approval", || match held.seen() {
        seen if seen.bytes == 30 * b"\0swapped".len() => Ok(()),
        seen => Err(seen),
    });
}

#[test]
fn an_allowance_does_not_follow_a_datagram_socket_to_another_receiver() {
    if !is_root() {
        return;
    }
    let receivers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [free, held] = receivers.each_ref().map(|receiver| receiver.local_addr().unwrap().port());
    let (daemon, home) = (holding(&[held]), Home::new());
    let lines = format!(
        "sockets = []\n\
         for _ in range(30):\n    \
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sockets.append(s)\n    \
             offer(s, b'x', {free}); offer(s, b'swapped', {held}); time.sleep(.01); offer(s, b'swapped', {held})\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for _ in range(40): offer(s, b'free', {free}); time.sleep(.05)\n\
         print('sent'); time.sleep(30)\n"
    );
    let agent = python(&home, &daemon, &lines);
    agent.says("sent");
    receivers[0].set_read_timeout(Some(wait::timeout())).unwrap();
    receivers[0].recv(&mut [0; 8]).expect("what is allowed arrives");
    receivers[1].set_read_timeout(Some(A_SECOND)).unwrap();
    let received = receivers[1].recv(&mut [0; 8]);
    assert!(received.is_err(), "{received:?}: held datagrams arrived");
    let _ = hold_for(&daemon, held);
}

#[test]
fn a_late_yes_to_where_a_socket_went_before_ends_no_count_of_where_it_goes_now() {
    if !is_root() {
        return;
    }
    let (first, second) = (Server::start(), Server::start());
    let (daemon, home) = (holding(&[first.port(), second.port()]), Home::new());
    let lines = format!(
        "s = socket.create_connection(('127.0.0.1', {})); s.sendall(b'\\0first')\n\
         until('go')\n\
         go(s, {}); s.sendall(b'\\0second')\n\
         until('more'); s.sendall(b'x' * 1000); s.shutdown(1); s.recv(9); s.close(); print('closed')\n",
        first.port(),
        second.port()
    );
    let agent = python(&home, &daemon, &lines);
    let asked_first = hold_for(&daemon, first.port());
    let_on(&home, "go");
    let asked_second = hold_for(&daemon, second.port());
    daemon.expect(&["approve", &asked_second]);
    let _ = until_told(&daemon, &["commit"]);
    daemon.expect(&["approve", &asked_first]);
    let records = until_told(&daemon, &["commit", "lapse"]);
    let detail = &records[1]["detail"];
    assert_eq!((&detail["hold"], &detail["ended"]), (&asked_first.into(), &"gone".into()), "{detail}");
    let_on(&home, "more");
    agent.says("closed");
    let records = until_told(&daemon, &["commit", "lapse", "close"]);
    let detail = &records[2]["detail"];
    assert_eq!((&detail["hold"], &detail["bytes"]), (&asked_second.into(), &1007.into()), "{detail}");
    assert_eq!(second.seen().bytes, 1007);
    first.silent().unwrap();
}

#[test]
fn an_approval_does_not_follow_a_held_socket_to_another_server() {
    if !is_root() {
        return;
    }
    let (first, second) = (Server::start(), Server::start());
    let (daemon, home) = (holding(&[first.port(), second.port()]), Home::new());
    let _agent = python(&home, &daemon, &moves(&first, &second));
    let asked_first = hold_for(&daemon, first.port());
    let_on(&home, "go");
    let asked_second = hold_for(&daemon, second.port());
    assert_eq!(daemon.holds().len(), 2, "the first question is still open");
    daemon.expect(&["approve", &asked_first]);
    wait::throughout("nobody has approved this", 2 * A_SECOND, || second.silent());
    daemon.expect(&["approve", &asked_second]);
    wait::until("the approved data arrives", || match second.seen() {
        seen if seen.bytes == b"\0for the second".len() => Ok(()),
        seen => Err(seen),
    });
    first.silent().unwrap();
}

#[test]
fn a_denial_does_not_follow_a_held_socket_to_another_server() {
    if !is_root() {
        return;
    }
    let (first, second) = (Server::start(), Server::start());
    let (daemon, home) = (holding(&[first.port(), second.port()]), Home::new());
    let agent = python(&home, &daemon, &moves(&first, &second));
    let asked_first = hold_for(&daemon, first.port());
    let_on(&home, "go");
    let asked_second = hold_for(&daemon, second.port());
    daemon.expect(&["deny", &asked_first]);
    daemon.expect(&["approve", &asked_second]);
    wait::until("the second is not denied", || match second.seen() {
        seen if seen.bytes == b"\0for the second".len() => Ok(()),
        seen => Err((seen, agent.output())),
    });
    let_on(&home, "return");
    agent.says("returned");
    let _ = daemon.the_event("session-frozen"); // what was denied is asked about again: a second attempt
    first.silent().unwrap();
}

#[test]
fn an_approval_does_not_follow_a_held_socket_to_another_name_at_the_same_place() {
    if !is_root() {
        return;
    }
    let server = Server::start();
    let (daemon, home) = (holding(&[server.port()]), Home::new());
    let request = |name: &str| format!("s.sendall(b'GET / HTTP/1.1\\r\\nHost: {name}\\r\\n\\r\\n')");
    let lines = format!(
        "s = socket.create_connection(('127.0.0.1', {port})); {}\n\
         until('go'); go(s, {port}); {}\n\
         time.sleep(30)\n",
        request("backboard.railway.app"),
        request("api.render.com"),
        port = server.port()
    );
    let _agent = python(&home, &daemon, &lines);
    let first = daemon.the_hold();
    let_on(&home, "go");
    let names = |holds: &[serde_json::Value]| format!("{holds:?}");
    wait::until("the other name asks for itself", || match daemon.holds() {
        holds if holds.len() == 2 && names(&holds).contains("api.render.com") => Ok(()),
        holds => Err(holds),
    });
    daemon.expect(&["approve", &first]);
    wait::throughout("nobody has approved this", 2 * A_SECOND, || server.silent());
    daemon.expect(&["approve", &daemon.the_hold()]);
    wait::until("the approved request arrives", || match server.seen() {
        seen if seen.requests.len() == 1 => Ok(()),
        seen => Err(seen),
    });
}

/// Offers data to the first server, takes the socket to the second, and back.
fn moves(first: &Server, second: &Server) -> String {
    format!(
        "s = socket.create_connection(('127.0.0.1', {first})); s.sendall(b'\\0for the first')\n\
         until('go'); go(s, {second}); s.sendall(b'\\0for the second')\n\
         until('return'); go(s, {first}); print('returned'); s.sendall(b'\\0for the first again')\n\
         time.sleep(30)\n",
        first = first.port(),
        second = second.port()
    )
}
