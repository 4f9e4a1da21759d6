//! Whoever sends, and however: the same hold.

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

/// Runs `client` after the secret was read; expects a hold with nothing at the server, and the request after approval.
fn is_held(server: &Server, client: &str) {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let agent = home.run(&daemon, &format!("{READ_SECRET}; {client}; sleep 30"));
    let hold = daemon.the_hold();
    server.silent().unwrap_or_else(|seen| panic!("{seen:?}; {}", agent.output()));
    daemon.expect(&["approve", &hold]);
    wait::until("the request arrives", || match server.seen() {
        seen if seen.bytes > 0 => Ok(()),
        seen => Err((seen, agent.output())),
    });
}

/// A python program that sends a request with an infrastructure host's name over `connect`ed socket `s`.
fn python(connect: &str) -> String {
    format!(
        "python3 -c \"\nimport socket, errno\n{connect}\n\
         s.sendall(b'GET / HTTP/1.1\\r\\nHost: backboard.railway.app\\r\\n\\r\\n'); s.setblocking(True); s.recv(99)\""
    )
}

#[test]
fn urllib() {
    let server = Server::start();
    let client = format!(
        "python3 -c \"import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:{}/', headers={{'Host': 'backboard.railway.app'}}))\"",
        server.port()
    );
    is_held(&server, &client);
}

#[test]
fn node() {
    let found = std::process::Command::new("node").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: node is not installed");
        return;
    }
    let server = Server::start();
    let client = format!(
        "node -e \"require('http').get({{port: {}, host: '127.0.0.1', headers: {{host: 'backboard.railway.app'}}}})\"",
        server.port()
    );
    is_held(&server, &client);
}

#[test]
fn ipv6() {
    let server = Server::start_v6();
    is_held(&server, &curl(&server, "-6"));
}

#[test]
fn ipv4_mapped_into_ipv6() {
    let server = Server::start();
    let connect =
        format!("s = socket.socket(socket.AF_INET6); s.connect(('::ffff:127.0.0.1', {}))", server.port());
    is_held(&server, &python(&connect));
}

#[test]
fn a_connect_that_does_not_wait() {
    let server = Server::start();
    let connect = format!(
        "s = socket.socket(); s.setblocking(False); s.connect_ex(('127.0.0.1', {})); import select; select.select([], [s], [])",
        server.port()
    );
    is_held(&server, &python(&connect));
}

#[test]
fn data_in_the_first_packet() {
    let server = Server::start();
    let client = format!(
        "python3 -c \"\nimport socket\ns = socket.socket()\n\
         s.sendto(b'GET / HTTP/1.1\\r\\nHost: backboard.railway.app\\r\\n\\r\\n', 0x20000000, ('127.0.0.1', {})); s.recv(99)\"",
        server.port()
    );
    is_held(&server, &client);
}

#[test]
fn a_proxy_on_loopback_that_is_asked_to_connect() {
    let server = Server::start();
    let client =
        format!("curl -sS -m 60 -x http://127.0.0.1:{} https://backboard.railway.app/", server.port());
    is_held(&server, &client);
}

#[test]
fn a_daemonised_grandchild() {
    let server = Server::start();
    let client = format!("(setsid bash -c '({} &) ; exit' &)", curl(&server, "").replace('\'', ""));
    is_held(&server, &client);
}

#[test]
fn a_thread_of_a_program_that_was_spawned() {
    let server = Server::start();
    let client = format!(
        "python3 -c \"\nimport subprocess, threading\n\
         threading.Thread(target=lambda: subprocess.run(['bash', '-c', '''{}'''], close_fds=False)).start()\"",
        curl(&server, "").replace('\'', "")
    );
    is_held(&server, &client);
}

#[test]
fn many_connections_ask_once_and_one_approval_lets_all_through() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let request = curl(&server, "");
    let mut agent = home
        .run(&daemon, &format!("{READ_SECRET}; for i in 1 2 3 4 5 6; do {request} & done; wait; echo all"));
    let hold = daemon.the_hold();
    wait::until("six connections wait", || match server.seen() {
        seen if seen.connections == 6 => Ok(()),
        seen => Err(seen),
    });
    // The sixth question may still be on its way to the daemon; it joins the same hold.
    wait::until("the handshakes are followed by data", || match daemon.holds().len() {
        1 => Ok(()),
        other => Err(other),
    });
    server.silent().unwrap();
    daemon.expect(&["approve", &hold, "--for", "1m"]);
    assert!(agent.finish().contains("all"), "{}", agent.output());
    assert_eq!(server.seen().requests.len(), 6);
}

#[test]
fn datagrams_of_a_held_destination_do_not_leave() {
    if !is_root() {
        return;
    }
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: port\n    summary: A port.\n    on: connect\n    match: {{ destination: {{ port: {port} }}, \
         touched: {{ grade: A, foreign: true }} }}\n    action: hold\n"
    );
    let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
    let home = Home::new();
    for connect in ["s.connect(a); s.send(b'x')", "s.sendto(b'x', a)"] {
        let client = format!(
            "python3 -c \"\nimport socket\na = ('127.0.0.1', {port}); s = socket.socket(type=socket.SOCK_DGRAM)\n\
             try:\n    {connect}\nexcept PermissionError: pass\n\"; echo sent; sleep 30"
        );
        let agent = home.run(&daemon, &format!("{READ_SECRET}; {client}"));
        agent.says("sent");
        assert!(socket.recv(&mut [0; 9]).is_err(), "{connect}: a datagram left");
    }
}
