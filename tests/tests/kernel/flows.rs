//! The flow hold: the handshake passes, the data waits.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use interlock_core::holds::HeldFlow;
use interlock_host::probes::Record;
use interlock_tests::wait;
use monitor_common::{
    event::network::FlowAsk,
    label::Taint,
    policy::{FLOW_ALLOWED, FLOW_DENIED, Flow, GRADE_A, Policy, VERDICT_ALLOW, VERDICT_ASK, taint_bit},
};
use tempfile::NamedTempFile;

use super::{
    actor::Actor,
    bench::{Bench, TAG, identity},
};

mod counting;
mod greetings;
mod limits;
mod names;
mod sizes;

/// Longer than TCP's first retransmissions (200 and 400 ms): what is held is held again.
const QUIET: Duration = Duration::from_millis(700);

/// Generation of a session that has touched nothing.
const FIRST: u64 = Taint::CLEAN.generation;
/// Reading the scene's secret gates the session.
const POLICY: Policy = Policy {
    gate_mask: taint_bit(GRADE_A, true),
    observe: 0,
    execute: 0,
    connect: [0; 4],
    delegate: 0,
    handshake: 0,
    late_handshake: 0,
    generation: 0,
    // These tests have no other machine to send a datagram to.
    local_datagrams: VERDICT_ASK,
    reserved: 0,
};

/// A labelled actor with an open connection to a server of the test's, and a secret it can read.
struct Scene {
    bench: Bench,
    actor: Actor,
    server: TcpStream,
    secret: NamedTempFile,
}

impl Scene {
    fn set() -> Option<Self> {
        let (mut bench, mut actor) = Bench::with_actor()?;
        bench.maps.set_policy(POLICY).unwrap();
        let secret = NamedTempFile::new().unwrap();
        bench.maps.tag_inode(identity(secret.path()), TAG).unwrap();
        let server = connected(&mut actor);
        Some(Self { bench, actor, server, secret })
    }

    /// Has the actor read the secret; returns the session's generation from then on.
    fn touches(&mut self) -> u64 {
        self.actor.does(&format!("read({:?})", self.secret.path().display().to_string()));
        self.bench.taint().generation
    }

    fn sends(&mut self, text: &str) {
        self.actor.does(&format!("connection.sendall({}.encode())", serde_json::Value::from(text)));
    }

    fn ask(&mut self, generation: u64) -> FlowAsk {
        self.bench.expect(&format!("question of generation {generation}"), |record| match record {
            Record::FlowAsk(ask) if ask.generation == generation => Some(*ask),
            _ => None,
        })
    }

    fn asks(&mut self) -> usize {
        self.bench.all(|record| matches!(record, Record::FlowAsk(_)).then_some(())).len()
    }

    fn answer(&mut self, ask: &FlowAsk, verdict: u32) {
        assert!(self.bench.maps.flow(ask.cookie).is_some(), "a flow that asked is known");
        self.bench.maps.decide_flow(ask.cookie, HeldFlow::of(ask).decided(verdict)).unwrap();
    }

    /// What the server receives next; fails when it is too late.
    fn receives(&mut self, expected: &str) {
        self.server.set_read_timeout(Some(wait::timeout())).unwrap();
        let mut bytes = vec![0; expected.len()];
        self.server.read_exact(&mut bytes).unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    fn receives_nothing(&mut self) {
        self.server.set_read_timeout(Some(QUIET)).unwrap();
        let mut byte = [0];
        let read = self.server.read(&mut byte);
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "held data arrived");
    }
}

/// Connects the actor (as `connection`); returns the server's end.
fn connected(actor: &mut Actor) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    actor.does(&format!("connection = socket.create_connection(('127.0.0.1', {port}), timeout=30)"));
    listener.accept().unwrap().0
}

#[test]
fn a_session_that_touched_nothing_is_not_asked_about() {
    let Some(mut scene) = Scene::set() else { return };
    scene.sends("hello");
    scene.receives("hello");
    assert_eq!(scene.asks(), 0);
}

#[test]
fn the_handshake_passes_and_the_data_waits_for_the_answer() {
    let Some(mut scene) = Scene::set() else { return };
    let touched = scene.touches();
    scene.server = connected(&mut scene.actor);
    scene.sends("POST / HTTP/1.1");
    let ask = scene.ask(touched);
    assert_eq!((ask.payload_size, ask.payload_len), (15, 15));
    assert_eq!(&ask.payload[..15], b"POST / HTTP/1.1");
    assert_eq!(ask.header.tgid, scene.actor.pid);
    scene.receives_nothing();
    assert_eq!(scene.asks(), 1, "a retransmission does not ask again");
    scene.answer(&ask, FLOW_ALLOWED);
    scene.receives("POST / HTTP/1.1");
    scene.server.write_all(b"done").unwrap();
    assert_eq!(scene.actor.does("answer = connection.recv(9).decode()"), "done");
}

#[test]
fn a_connection_in_use_is_held_from_the_touch_on_and_again_after_each_further_one() {
    let Some(mut scene) = Scene::set() else { return };
    scene.sends("before ");
    scene.receives("before ");
    for further in [1, 2] {
        let generation = scene.touches();
        assert_eq!(generation, FIRST + further);
        scene.sends("after ");
        let ask = scene.ask(generation);
        scene.receives_nothing();
        scene.answer(&ask, FLOW_ALLOWED);
        scene.receives("after ");
        scene.sends("more ");
        scene.receives("more ");
    }
    assert_eq!(scene.asks(), 2);
}

#[test]
fn an_answer_of_an_older_generation_lets_nothing_through() {
    let Some(mut scene) = Scene::set() else { return };
    let first = scene.touches();
    scene.sends("late");
    let ask = scene.ask(first);
    let second = scene.touches();
    scene.answer(&ask, FLOW_ALLOWED);
    let again = scene.ask(second);
    scene.receives_nothing();
    scene.answer(&again, FLOW_ALLOWED);
    scene.receives("late");
}

#[test]
fn a_denied_flow_stays_denied_whatever_becomes_of_the_session() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("secret");
    let ask = scene.ask(FIRST);
    scene.answer(&ask, FLOW_DENIED);
    scene.receives_nothing();
    scene.bench.gate(false);
    scene.receives_nothing();
    scene.touches();
    scene.receives_nothing();
    let session = scene.bench.session;
    scene.bench.maps.remove_session(session);
    scene.receives_nothing();
}

#[test]
fn the_end_of_a_stream_passes() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.actor.does("connection.shutdown(socket.SHUT_WR)");
    scene.server.set_read_timeout(Some(wait::timeout())).unwrap();
    assert_eq!(scene.server.read(&mut [0]).unwrap(), 0, "the end of the stream");
    assert_eq!(scene.asks(), 0, "without data there is nothing to ask");
}

#[test]
fn data_left_behind_by_a_closed_socket_stays_held() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("left behind");
    let ask = scene.ask(FIRST);
    scene.actor.does("connection.close()");
    scene.bench.expect("end of the flow", |record| match record {
        Record::FlowClosed(closed) if closed.cookie == ask.cookie => Some(()),
        _ => None,
    });
    assert_eq!(
        scene.bench.maps.flow(ask.cookie).map(|flow| flow.closed),
        Some(1),
        "kept, because it is held"
    );
    scene.receives_nothing();
}

#[test]
fn an_allowed_flow_is_forgotten_when_it_is_closed() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("x");
    let ask = scene.ask(FIRST);
    scene.answer(&ask, FLOW_ALLOWED);
    scene.receives("x");
    scene.actor.does("connection.close()");
    assert_eq!(scene.bench.maps.flow(ask.cookie), None);
}

#[test]
fn observing_asks_and_holds_nothing() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.maps.set_policy(Policy { observe: 1, ..POLICY }).unwrap();
    scene.bench.gate(true);
    scene.sends("observed");
    scene.receives("observed");
    let ask = scene.ask(FIRST);
    assert_eq!(&ask.payload[..8], b"observed");
}

#[test]
fn datagrams_of_a_gated_session_do_not_leave() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(QUIET)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    scene.actor.does("datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)");
    let send = format!("datagrams.sendto(b'quic', ('127.0.0.1', {port}))");
    scene.actor.does(&send); // lost like any other
    assert_eq!(&scene.ask(FIRST).payload[..4], b"quic");
    // Where nobody decides its sender sees an error, so that QUIC falls back to TCP.
    wait::until("an error", || match scene.actor.tries(&send) {
        Err(refused) => {
            assert_eq!(refused.0, 1, "EPERM");
            Ok(())
        }
        Ok(sent) => Err(sent),
    });
    let received = receiver.recv(&mut [0; 8]).map_err(|error| error.kind());
    assert_eq!(received, Err(ErrorKind::WouldBlock));
}

#[test]
fn datagrams_that_stay_here_pass_where_no_rule_is_about_them() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.maps.set_policy(Policy { local_datagrams: VERDICT_ALLOW, ..POLICY }).unwrap();
    scene.bench.gate(true);
    for address in ["127.0.0.1", "::1"] {
        let receiver = std::net::UdpSocket::bind((address, 0)).unwrap();
        receiver.set_read_timeout(Some(wait::timeout())).unwrap();
        let port = receiver.local_addr().unwrap().port();
        let family = if address == "::1" { "AF_INET6" } else { "AF_INET" };
        scene.actor.does(&format!(
            "socket.socket(socket.{family}, socket.SOCK_DGRAM).sendto(b'metric', ({address:?}, {port}))"
        ));
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 6, "{address}");
    }
    assert_eq!(scene.asks(), 0);
    scene.sends("a stream");
    scene.ask(FIRST);
    scene.receives_nothing();
}

#[test]
fn a_touch_that_was_judged_to_be_none_makes_nothing_wait() {
    let Some(mut scene) = Scene::set() else { return };
    let touched = scene.touches();
    scene.sends("unjudged ");
    scene.ask(touched);
    scene.receives_nothing();
    let session = scene.bench.session;
    scene.bench.maps.settle(session, scene.bench.taint().touches).unwrap();
    scene.sends("judged");
    scene.receives("unjudged judged");
    scene.touches();
    scene.sends("again");
    scene.receives_nothing();
}

/// Threads that share a datagram socket change one another's note.
#[test]
fn a_datagram_is_judged_by_its_own_destination_not_by_the_sockets_note() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(QUIET)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    scene.actor.does(&format!(
        "datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ndatagrams.connect(('127.0.0.1', {port}))"
    ));
    let flows = scene.bench.maps.flows();
    let (cookie, flow) = *flows.iter().find(|(_, flow)| flow.port == port).expect("the connect was noted");
    scene.bench.maps.note_flow(cookie, Flow { port: 53, ..flow }).unwrap();
    scene.actor.does("datagrams.send(b'no question')");
    let ask = scene.ask(FIRST);
    assert_eq!((ask.port, &ask.payload[..11]), (port, &b"no question"[..]), "asked about where it goes");
    let received = receiver.recv(&mut [0; 16]).map_err(|error| error.kind());
    assert_eq!(received, Err(ErrorKind::WouldBlock));
}

#[test]
fn nothing_is_held_before_the_programs_are_attached_and_after() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.follow_sessions(false);
    scene.bench.gate(true);
    scene.sends("before");
    scene.receives("before");
    scene.bench.follow_sessions(true);
    scene.sends("during");
    scene.ask(FIRST);
    scene.receives_nothing();
    scene.bench.follow_sessions(false);
    scene.sends("after");
    scene.receives("duringafter");
}

/// A session may begin while the programs of the last one are still being detached.
#[test]
fn programs_are_attached_again_at_once() {
    let Some(mut scene) = Scene::set() else { return };
    for _ in 0..10 {
        scene.bench.follow_sessions(false);
        scene.bench.follow_sessions(true);
    }
    let untouched = scene.bench.taint().generation;
    assert!(scene.touches() > untouched, "the open is seen");
}

#[test]
fn the_gate_opens_again_for_a_session_that_touched_nothing() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("waits ");
    scene.ask(FIRST);
    scene.receives_nothing();
    scene.bench.gate(false);
    scene.sends("goes");
    scene.receives("waits goes");
}

#[test]
fn a_verdict_is_about_one_destination() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    let receivers = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let [first, second] = receivers.each_ref().map(|receiver| receiver.local_addr().unwrap().port());
    let to = |port: u16| format!("datagrams.sendto(b'x', ('127.0.0.1', {port}))");
    scene.actor.does("datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)");
    scene.actor.does(&to(first)); // undecided: lost
    let ask = scene.ask(FIRST);
    scene.answer(&ask, FLOW_ALLOWED);
    scene.actor.does(&to(first));
    scene.actor.does(&to(second)); // the same socket, allowed to go elsewhere: lost
    for receiver in &receivers {
        receiver.set_read_timeout(Some(QUIET)).unwrap();
    }
    let received = receivers.each_ref().map(|receiver| receiver.recv(&mut [0; 8]).ok());
    assert_eq!(received, [Some(1), None]);
    assert_eq!(scene.bench.maps.verdict(ask.cookie), None, "forgotten with its destination");
}
