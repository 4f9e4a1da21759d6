//! The request by every other way of sending: a connection's data waits, however it was put there.

use std::net::UdpSocket;

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings},
    server::Server,
    wait,
};

use super::fixture::{A_WHILE, ENTRY, Fixture, hold_port, python};

/// Reads the secret, then does an act that sends to the server's port.
fn is_held(act: &str) {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.run(&format!("{READ_SECRET}; {} {}", python(act), fixture.server.port()));
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
    let _ = fixture.daemon.the_event("flow-held");
}

#[test]
fn ipv6() {
    let Some(mut fixture) = Fixture::new() else { return };
    fixture.server = Server::start_v6();
    let agent = fixture.run(&format!("{READ_SECRET}; {}", fixture.request()));
    fixture.is_held(&agent);
    assert_eq!(fixture.daemon.the_event("flow-held")["destination.ip"], "::1");
}

#[test]
fn ipv4_in_ipv6() {
    is_held("v4_mapped");
}

#[test]
fn a_non_blocking_connect() {
    is_held("non_blocking");
}

/// A shell's own `printf` to `/dev/tcp` sends line by line.
#[test]
fn a_request_whose_name_is_not_in_its_first_segment() {
    is_held("in_pieces");
}

#[test]
fn a_proxy_on_this_machine() {
    let Some(fixture) = Fixture::new() else { return };
    let proxied = format!(
        "curl -sS -m 40 --proxy http://127.0.0.1:{} https://backboard.railway.app/graphql/v2",
        fixture.server.port()
    );
    let agent = fixture.run(&format!("{READ_SECRET}; {proxied}"));
    fixture.is_held(&agent);
    assert_eq!(fixture.daemon.the_event("flow-held")["destination.domain"], "backboard.railway.app");
}

#[test]
fn a_socks_proxy_that_is_told_the_name_later() {
    is_held("socks");
}

#[test]
fn datagrams_without_a_connection() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_nonblocking(true).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let Some(fixture) = Fixture::holding_port(port) else { return };
    let arrived = || receiver.recv(&mut [0; 64]).map_or(Ok(()), Err);
    let agent = fixture.run(&format!(
        "{}; touch ../clean; {READ_SECRET}; {}; echo finished",
        python(&format!("datagrams {port}")),
        python(&format!("datagrams {port}"))
    ));
    wait::until("before the secret they arrive", || {
        receiver.recv(&mut [0; 64]).map_err(|error| (error, agent.output()))
    });
    wait::until("the secret is next", || {
        if fixture.home.path().join("clean").exists() { Ok(()) } else { Err(agent.output()) }
    });
    while receiver.recv(&mut [0; 64]).is_ok() {} // from before
    agent.says("finished");
    arrived().unwrap();
    fixture.was_read(ENTRY);
    let _ = fixture.daemon.the_event("flow-held");
}

#[test]
fn a_connection_from_before_the_secret() {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.run(&python(&format!("from_before {}", fixture.server.port())));
    let _ = fixture.daemon.the_hold();
    wait::throughout("held", A_WHILE, || match fixture.server.seen() {
        seen if seen.requests.len() == 1 && seen.connections == 1 => Ok(()),
        seen => Err((seen, agent.output())),
    });
    fixture.was_read(ENTRY);
}

#[test]
fn sendfile() {
    by_file("sendfile");
}

#[test]
fn splice() {
    by_file("splice");
}

fn by_file(way: &str) {
    let Some(fixture) = Fixture::new() else { return };
    let act = python(&format!("by_sendfile {} {way}", fixture.server.port()));
    let agent = fixture.run(&format!("{READ_SECRET}; {act}"));
    fixture.is_held(&agent);
}

#[test]
fn the_kernels_own_tls() {
    let Some(mut fixture) = Fixture::new() else { return };
    if !fixture.anybody_can(&format!("by_ktls {}", Server::start().port())) {
        not_here("the kernel has no TLS of its own");
        return;
    }
    let server = Server::start();
    let rules = Some(hold_port(server.port()));
    fixture.daemon = Daemon::start(&Settings { rules, ..Settings::default() });
    fixture.server = server;
    let agent =
        fixture.run(&format!("{READ_SECRET}; {}", python(&format!("by_ktls {}", fixture.server.port()))));
    fixture.is_held(&agent);
}

#[test]
fn a_connect_inside_io_uring() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can(&format!("uring_connect {}", Server::start().port())) {
        not_here("the kernel gives no io_uring");
        return;
    }
    let agent = fixture
        .run(&format!("{READ_SECRET}; {}", python(&format!("uring_connect {}", fixture.server.port()))));
    fixture.is_held(&agent);
    let _ = fixture.daemon.the_event("flow-held");
}

/// Nothing can be restarted there, so what would have to wait fails.
#[test]
fn a_connect_inside_io_uring_that_must_wait_before_its_handshake() {
    let early = |_: &Home| {
        let rules = hold_port(443).replace("action: hold", "action: hold\n    before: handshake");
        Settings { rules: Some(rules.replace("{ port: 443 }", "any")), ..Settings::default() }
    };
    let Some(fixture) = Fixture::with(early) else { return };
    let act = |port| python(&format!("uring_connect {port}"));
    if !fixture.anybody_can(&format!("uring_connect {}", Server::start().port())) {
        not_here("the kernel gives no io_uring");
        return;
    }
    let mut agent = fixture.run(&format!("{READ_SECRET}; {}; echo exit $?", act(fixture.server.port())));
    let output = agent.finish();
    assert!(!output.contains("exit 0"), "{output}");
    assert_eq!(fixture.server.seen().connections, 0);
    if fixture.backend() == Backend::Lsm {
        let _ = fixture.daemon.the_event("connect-refused");
    } else {
        not_here("the connect fails, and what failed inside io_uring cannot be told");
    }
}

#[test]
fn another_attempt_beside_the_held_one() {
    let Some(fixture) = Fixture::new() else { return };
    let request = curl(&fixture.server, "-m 40");
    let agent =
        fixture.run(&format!("{READ_SECRET}; for i in 1 2 3 4 5; do {request} & done; echo all; wait"));
    agent.says("all");
    fixture.is_held(&agent);
}
