//! DNS answers, read as they arrive.

use interlock_host::probes::Record;
use monitor_common::{
    event::network::{DNS_MAX, Dns},
    label::{GATED, Session},
};

use crate::kernel::{actor::Actor, bench::Bench};

/// A labelled, gated client beside a name server, in a network of their own where port 53 is free.
fn scene() -> Option<(Bench, Actor, Actor)> {
    let mut bench = Bench::load()?;
    let (mut server, mut client) = (Actor::start(), Actor::start());
    server.does("own_network()");
    client.does(&format!("join_network({})", server.pid));
    bench.label(client.pid, Session { flags: GATED, ..Session::default() });
    Some((bench, server, client))
}

fn answer(bench: &mut Bench) -> Dns {
    bench.expect("DNS answer", |record| match record {
        Record::Dns(dns) => Some(*dns),
        _ => None,
    })
}

#[test]
fn a_datagram_from_port_53_is_shown() {
    let Some((mut bench, mut server, mut client)) = scene() else { return };
    server.does(
        "names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(('127.0.0.1', 53))",
    );
    client.does(
        "names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.sendto(b'question', ('127.0.0.1', 53))",
    );
    // Though the session is gated: names have to be known before anything can be judged by them.
    server.does("names.sendto(b'answer', names.recvfrom(99)[1])");
    assert_eq!(client.does("answer = names.recv(99).decode()"), "answer");
    let dns = answer(&mut bench);
    assert_eq!((&dns.payload[..6], dns.payload_len, dns.payload_size), (&b"answer"[..], 6, 6));
    assert_eq!((dns.protocol, dns.header.tgid), (17, client.pid));
}

#[test]
fn an_answer_longer_than_the_record_is_cut_and_said_to_be() {
    let Some((mut bench, mut server, mut client)) = scene() else { return };
    server.does("names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nnames.bind(('127.0.0.1', 53))");
    client.does(
        "names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.sendto(b'question', ('127.0.0.1', 53))",
    );
    server.does("names.sendto(b'n' * 8000, names.recvfrom(99)[1])");
    let dns = answer(&mut bench);
    assert_eq!((dns.payload_len as usize, dns.payload_size), (DNS_MAX, 8000));
}

#[test]
fn an_answer_over_tcp_is_shown() {
    let Some((mut bench, mut server, mut client)) = scene() else { return };
    server.does("names = socket.create_server(('127.0.0.1', 53))");
    client
        .does("names = socket.create_connection(('127.0.0.1', 53), timeout=30)\nnames.sendall(b'question')");
    server.does("names.accept()[0].sendall(b'answer')");
    let dns = answer(&mut bench);
    assert_eq!((&dns.payload[..6], dns.protocol), (&b"answer"[..], 6));
}

#[test]
fn what_comes_from_another_port_is_nobodys_business() {
    let Some((mut bench, mut server, mut client)) = scene() else { return };
    server.does(
        "names = socket.create_server(('127.0.0.1', 53))
other = socket.create_server(('127.0.0.1', 5353))",
    );
    client.does(
        "other = socket.create_connection(('127.0.0.1', 5353), timeout=30)
names = socket.create_connection(('127.0.0.1', 53), timeout=30)",
    );
    server.does("other.accept()[0].sendall(b'other')");
    client.does("answer = other.recv(9)\nanswer = None");
    server.does("names.accept()[0].sendall(b'answer')");
    answer(&mut bench);
    let all = bench.all(|record| matches!(record, Record::Dns(_)).then_some(()));
    assert_eq!(all.len(), 1);
}
