//! Data in one piece of whatever size, and data where nobody expects it.

use std::io::Read as _;

use interlock_host::probes::Record;
use interlock_tests::wait;
use monitor_common::{
    event::network::PAYLOAD_MAX,
    label::{GATED, Session},
    policy::FLOW_ALLOWED,
};

use super::{FIRST, Scene};
use crate::kernel::{actor::Actor, bench::Bench};

const LARGE: usize = 256 << 10;

#[test]
fn a_write_of_256_kib_does_not_slip_through() {
    let Some(mut scene) = Scene::set() else { return };
    scene.bench.gate(true);
    // One write, which the kernel cuts into segments as large as it likes (BIG TCP: above 64 KiB).
    scene.actor.does("connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)");
    scene.actor.begin(&format!("connection.sendall(bytes(range(256)) * {})", LARGE / 256));
    let ask = scene.ask(FIRST);
    assert_eq!(ask.payload_len as usize, PAYLOAD_MAX);
    assert!(
        ask.payload_size as usize > PAYLOAD_MAX && ask.payload_size as usize <= LARGE,
        "{}",
        ask.payload_size
    );
    assert!(
        ask.payload.iter().enumerate().all(|(at, byte)| *byte == (at % 256) as u8),
        "the data's beginning"
    );
    scene.receives_nothing();
    scene.answer(&ask, FLOW_ALLOWED);
    scene.server.set_read_timeout(Some(wait::timeout())).unwrap();
    let mut bytes = vec![0; LARGE];
    scene.server.read_exact(&mut bytes).unwrap();
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 256) as u8));
    scene.actor.answer("the write").unwrap();
}

#[test]
fn data_sent_with_the_handshake_does_not_leave() {
    let Some(mut bench) = Bench::load() else { return };
    let (mut server, mut client) = (Actor::start(), Actor::start());
    // Fast open without a cookie, both ways: data in the very first packet. A setting of a network, so in one of their own.
    server.does(
        "own_network()
open('/proc/sys/net/ipv4/tcp_fastopen', 'w').write(str(0x1 | 0x2 | 0x4 | 0x200))
listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, 23, 5)
listener.bind(('127.0.0.1', 0))
listener.listen()",
    );
    let port = server.does("answer = listener.getsockname()[1]");
    client.does(&format!("join_network({})", server.pid));
    let fast = format!(
        "connection = socket.socket()
answer = connection.sendto(b'at once', socket.MSG_FASTOPEN, ('127.0.0.1', {port}))"
    );
    let receive = "answer = listener.accept()[0].recv(99).decode()";
    client.does(&fast);
    assert_eq!(server.does(receive), "at once", "without a label it arrives");
    bench.label(client.pid, Session { flags: GATED, ..Session::default() });
    client.does(&fast);
    let ask = bench.expect("question about the data of the first packet", |record| match record {
        Record::FlowAsk(ask) => Some(*ask),
        _ => None,
    });
    assert_eq!((&ask.payload[..7], ask.payload_size), (&b"at once"[..], 7));
    server.does("listener.settimeout(20)\naccepted = listener.accept()[0]\naccepted.settimeout(0.7)");
    let received = server.does(
        "try: answer = accepted.recv(99).decode()
except TimeoutError: answer = 'nothing'",
    );
    assert_eq!(received, "nothing");
}
