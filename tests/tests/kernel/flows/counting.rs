//! What has left of a flow that was let go on, as the kernel counts it, and what it notes of one that stays held.

use std::{process::Command, time::Duration};

use interlock_host::probes::Record;
use interlock_tests::wait;
use monitor_common::{
    event::network::FlowAsk,
    policy::{FLOW_ALLOWED, FlowVerdict, SIGN_PEER_RESET, Sent},
};

use super::{FIRST, QUIET, Scene};
use crate::kernel::actor::Actor;

/// Lets the flow go on as the daemon does where a rule held it.
fn let_on(scene: &mut Scene, ask: &FlowAsk) {
    let flow = scene.bench.maps.flow(ask.cookie).unwrap();
    scene.bench.maps.count_flow(ask.cookie, Sent::nothing(&flow)).unwrap();
    let FlowAsk { address, port, generation, .. } = *ask;
    let verdict = FlowVerdict { address, port, counted: 1, verdict: FLOW_ALLOWED, generation };
    scene.bench.maps.decide_flow(ask.cookie, verdict).unwrap();
}

fn counted(scene: &Scene, ask: &FlowAsk) -> Sent {
    scene.bench.maps.sent(ask.cookie).unwrap()
}

/// A server of an unlabelled process; `connection` is its end, of which it then sees nothing that arrives: nothing is acknowledged.
fn deaf_server(scene: &mut Scene) -> Actor {
    let mut server = Actor::start();
    let port =
        server.does("listener = socket.create_server(('127.0.0.1', 0)); answer = listener.getsockname()[1]");
    scene.actor.does(&format!("connection = socket.create_connection(('127.0.0.1', {port}), timeout=30)"));
    server.does(
        "connection = listener.accept()[0]; nothing = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0)); \
         connection.setsockopt(socket.SOL_SOCKET, 26, struct.pack('HQ', 1, ctypes.addressof(nothing)))", // SO_ATTACH_FILTER
    );
    server
}

#[test]
fn what_was_sent_before_a_yes_and_is_repeated_after_it_is_not_counted() {
    let Some(mut scene) = Scene::set() else { return };
    let mut server = deaf_server(&mut scene);
    scene.sends("early");
    scene.bench.gate(true);
    let ask = scene.ask(FIRST); // TCP sends it again
    scene.sends("later");
    let_on(&mut scene, &ask);
    wait::throughout("only what is new counts, while TCP repeats the rest", QUIET, || {
        let bytes = counted(&scene, &ask).bytes;
        if bytes <= "later".len() as u64 { Ok(()) } else { Err(bytes) }
    });
    server.does("connection.setsockopt(socket.SOL_SOCKET, 27, 0)"); // SO_DETACH_FILTER
    let arrived = server.does(
        "connection.settimeout(60); arrived = b''\nwhile len(arrived) < 10: arrived += connection.recv(99)\nanswer = arrived.decode()",
    );
    assert_eq!(arrived, "earlylater");
    assert_eq!(counted(&scene, &ask).bytes, "later".len() as u64);
}

/// Sends the actor's socket a reset with a sequence number that is so far from what it expects, as anybody on the way could.
fn reset(server: u16, client: u16, sequence: u32) {
    let script = format!(
        "import socket, struct
head = struct.pack('!HHIIBBHHH', {server}, {client}, {sequence}, 0, 5 << 4, 4, 0, 0, 0)
own = socket.inet_aton('127.0.0.1')
words = struct.unpack('!16H', own + own + struct.pack('!HH', 6, len(head)) + head)
total = sum(words)
total = (total & 0xffff) + (total >> 16)
head = head[:16] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + head[18:]
socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).sendto(head, ('127.0.0.1', 0))"
    );
    assert!(Command::new("python3").args(["-c", &script]).status().unwrap().success());
}

#[test]
fn a_reset_that_tcp_does_not_take_is_none() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("hello");
    let ask = scene.ask(FIRST);
    let_on(&mut scene, &ask);
    scene.receives("hello");
    let [server, client] = [scene.server.local_addr(), scene.server.peer_addr()].map(|at| at.unwrap().port());
    for sequence in [0, 1 << 30, 2 << 30, 3 << 30] {
        reset(server, client, sequence);
    }
    wait::throughout("it is no end", Duration::from_millis(300), || {
        match counted(&scene, &ask).signs & SIGN_PEER_RESET {
            0 => Ok(()),
            signs => Err(signs),
        }
    });
    scene.sends("goes on");
    scene.receives("goes on");
    assert_eq!(counted(&scene, &ask).bytes, "hellogoes on".len() as u64);
}

#[test]
fn when_tcp_tried_last_to_send_what_a_closed_socket_left_behind_is_noted() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    scene.sends("left behind");
    let ask = scene.ask(FIRST);
    scene.actor.does("connection.close()");
    let tried = |scene: &Scene| scene.bench.maps.flow(ask.cookie).map(|flow| flow.asked_size);
    let first = wait::until("it tries", || match tried(&scene) {
        Some(tried) if tried != 0 => Ok(tried),
        other => Err(other),
    });
    wait::until("and tries again", || match tried(&scene) {
        Some(tried) if tried > first => Ok(()),
        other => Err(other),
    });
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    assert!(f64::from(first) <= uptime && f64::from(first) + 60.0 > uptime, "{first} s of {uptime} s");
    scene.receives_nothing();
}

/// A TCP connection that is a raw socket's would have no header: nothing of it is a handshake or an acknowledgement.
#[test]
fn every_packet_of_a_raw_socket_is_data_whatever_its_protocol() {
    for protocol in [6, 17] {
        let Some(mut scene) = Scene::set() else { return };
        let mut receiver = Actor::start();
        receiver.does(&format!(
            "raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, {protocol}); raw.settimeout(30)"
        ));
        scene.actor.does(&format!("raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, {protocol})"));
        let arrives = |receiver: &mut Actor, mark: &str| {
            let look = format!(
                "import time\nraw.setblocking(False); answer = False; until = time.monotonic() + 0.5\nwhile time.monotonic() < until and not answer:\n  try: answer = raw.recv(4096).endswith(b'{mark}')\n  except BlockingIOError: time.sleep(0.01)"
            );
            receiver.does(&look) == true
        };
        scene.actor.does("raw.sendto(b'before', ('127.0.0.1', 0))");
        assert!(arrives(&mut receiver, "before"), "{protocol}");
        scene.bench.gate(true);
        let refused = scene.actor.tries("raw.sendto(b'after', ('127.0.0.1', 0))");
        assert_eq!(
            refused.map_err(|refused| refused.0).err(),
            Some(1),
            "shorter than a header, and no empty packet"
        );
        let ask = scene.bench.expect("the question", |record| match record {
            Record::FlowAsk(ask) if ask.port == 0 => Some(*ask),
            _ => None,
        });
        assert!(!arrives(&mut receiver, "after"), "{protocol}");
        let_on(&mut scene, &ask);
        scene.actor.does("raw.sendto(b'answered', ('127.0.0.1', 0))");
        assert!(arrives(&mut receiver, "answered"), "{protocol}");
        assert_eq!(counted(&scene, &ask).bytes, 20 + "answered".len() as u64, "the whole packet");
    }
}
