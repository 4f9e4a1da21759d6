//! Sockets whose data no flow hold would see: refused, or noted and held.

use interlock_tests::{
    agent::READ_SECRET,
    backend::{Backend, not_here},
    wait,
};

use super::fixture::{A_WHILE, Fixture, python};

#[test]
fn multipath_tcp_is_refused_and_programs_fall_back_to_what_is_held() {
    let Some(fixture) = Fixture::new() else { return };
    let act = python(&format!("mptcp {}", fixture.server.port()));
    let agent = fixture.run(&format!("{READ_SECRET}; {act}"));
    fixture.is_held(&agent);
    agent.says("refused 93"); // EPROTONOSUPPORT
    let _ = fixture.daemon.the_event("socket-refused");
}

#[test]
fn multipath_tcp_is_refused_before_any_secret_too() {
    let Some(fixture) = Fixture::new() else { return };
    let mut agent = fixture.run(&python("makes_socket 2 1 262"));
    assert!(agent.finish().contains("refused 93"), "{}", agent.output());
    let _ = fixture.daemon.the_event("socket-refused");
}

#[test]
fn sctp_and_dccp_are_refused() {
    // Stream and one-to-many SCTP, DCCP.
    for socket in ["2 1 132", "2 5 132", "2 6 33"] {
        let Some(fixture) = Fixture::new() else { return };
        let act = format!("makes_socket {socket}");
        let known = fixture.anybody_can(&act);
        let mut agent = fixture.run(&python(&act));
        assert!(agent.finish().contains("refused 9"), "{}", agent.output());
        if known {
            let _ = fixture.daemon.the_event("socket-refused");
        } else {
            not_here(&format!("the kernel has no protocol for socket({socket})"));
        }
    }
}

#[test]
fn raw_packets_wait_like_a_connections_data() {
    let Some(fixture) = Fixture::new() else { return };
    waits_like_a_connections_data(&fixture, "raw_send", "raw_receive");
}

#[test]
fn udp_lite_packets_wait_like_a_connections_data() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can("makes_socket 2 2 136") {
        not_here("the kernel has no UDP-Lite");
        return;
    }
    let port = fixture.server.port();
    waits_like_a_connections_data(&fixture, &format!("lite_send {port}"), &format!("lite_receive {port}"));
}

/// What is sent before the secret is read arrives, what is sent after it does not, and the socket is reported.
fn waits_like_a_connections_data(fixture: &Fixture, send: &str, receive: &str) {
    let mut receiver = fixture.home.run_unwatched(&python(&format!("{receive} before after")));
    receiver.says("listening");
    let [before, after] = ["before", "after"].map(|mark| python(&format!("{send} {mark}")));
    let mut agent = fixture.run(&format!("{before}; {READ_SECRET}; {after}"));
    let output = agent.finish();
    assert!(output.contains("sent after"), "{output}");
    receiver.says("arrived before");
    wait::throughout("nothing arrives", A_WHILE, || match receiver.output() {
        output if output.contains("arrived after") => Err(output),
        _ => Ok(()),
    });
    assert!(receiver.is_running(), "{}", receiver.output());
    wait::until("the sockets are reported", || {
        let found = ["socket-odd", "socket-refused"].map(|action| fixture.daemon.events(action)).concat();
        if found.is_empty() { Err(fixture.daemon.json(&["events"])) } else { Ok(()) }
    });
}

#[test]
fn packet_sockets() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can("makes_socket 17 3 768") {
        not_here("the kernel has no packet sockets");
        return;
    }
    let mut agent = fixture.run(&python("makes_socket 17 3 768"));
    let output = agent.finish();
    if fixture.backend() == Backend::Lsm {
        assert!(output.contains("refused 1"), "{output}");
        let _ = fixture.daemon.the_event("socket-refused");
        return;
    }
    not_here("packet sockets cannot be refused without BPF in the LSM list");
    assert!(output.contains("made"), "{output}");
    let _ = fixture.daemon.the_event("socket-odd");
}
