//! Connections of labelled processes: noted, refused by the table, forgotten when closed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use interlock_host::probes::Record;
use monitor_common::{
    event::network::{Connect, outcome},
    label::Session,
    policy::{ADDRESS_DATABASE, ADDRESS_METADATA, AddressKey, Flow, Policy, VERDICT_DENY},
};

use super::{
    actor::{Actor, Refused},
    bench::Bench,
};

const TCP: u16 = 6;
const UDP: u16 = 17;
const EPERM: Refused = Refused(1);

/// The address that a table denies in these tests; loopback as all of 127.0.0.0/8.
const DENIED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

fn connects(bench: &mut Bench) -> Vec<Connect> {
    bench.all(|record| match record {
        Record::Connect(connect) => Some(*connect),
        _ => None,
    })
}

fn mapped(address: Ipv4Addr) -> [u8; 16] {
    address.to_ipv6_mapped().octets()
}

/// Listens on all of IPv4 loopback.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn connect(address: &str, port: u16) -> String {
    let family = if address.contains(':') { "AF_INET6" } else { "AF_INET" };
    format!("connection = socket.socket(socket.{family})\nconnection.connect(({address:?}, {port}))")
}

/// Denies [`DENIED`] whatever the port, and `port` whatever the address.
fn deny(bench: &mut Bench, port: u16, observe: u32) {
    let by_address = AddressKey { address: mapped(DENIED), port: 0 };
    let by_port = AddressKey { address: [0; 16], port: port.into() };
    bench.maps.replace_addresses(&[(by_address, ADDRESS_METADATA), (by_port, ADDRESS_DATABASE)]).unwrap();
    let mut policy = Policy { observe, ..Policy::default() };
    policy.connect[ADDRESS_METADATA as usize] = VERDICT_DENY;
    policy.connect[ADDRESS_DATABASE as usize] = VERDICT_DENY;
    bench.maps.set_policy(policy).unwrap();
}

#[test]
fn a_connection_is_noted_while_it_is_open() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let (_listener, port) = listener();
    actor.does(&connect("127.0.0.1", port));
    let [found] = connects(&mut bench)[..] else { panic!("not one connect") };
    assert_eq!((found.address, found.port, found.protocol), (mapped(Ipv4Addr::LOCALHOST), port, TCP));
    assert_eq!((found.outcome, found.header.tgid), (outcome::PASSED, actor.pid));
    let Flow { session, tgid, .. } = bench.maps.flow(found.cookie).expect("a flow of this cookie");
    assert_eq!((session, tgid), (bench.session.0, actor.pid));
    actor.does("connection.close()");
    assert_eq!(bench.maps.flow(found.cookie), None, "the flow outlived its socket");
}

#[test]
fn an_ipv6_connection_keeps_its_address() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    actor.does(&connect("::1", port));
    let [found] = connects(&mut bench)[..] else { panic!("not one connect") };
    assert_eq!((found.address, found.port), (std::net::Ipv6Addr::LOCALHOST.octets(), port));
}

#[test]
fn an_ipv4_connection_of_an_ipv6_socket_is_one_to_the_ipv4_address() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let (_listener, port) = listener();
    actor.does(&connect("::ffff:127.0.0.1", port));
    let [found] = connects(&mut bench)[..] else { panic!("not one connect") };
    assert_eq!((found.address, found.port), (mapped(Ipv4Addr::LOCALHOST), port));
    deny(&mut bench, 1, 0);
    assert_eq!(actor.tries(&connect("::ffff:127.0.0.9", port)), Err(EPERM), "the table knows the address");
}

#[test]
fn datagrams_are_reported_once_for_each_destination() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(to) = receiver.local_addr().unwrap() else { panic!("not IPv4") };
    let port = to.port();
    actor.does(&format!(
        "datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3): datagrams.sendto(b'x', ('127.0.0.1', {port}))
datagrams.sendto(b'x', ('127.0.0.2', {port}))"
    ));
    let found: Vec<_> = connects(&mut bench).iter().map(|c| (c.address, c.port, c.protocol)).collect();
    let expected = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].map(|to| (mapped(to), port, UDP));
    assert_eq!(found, expected);
}

#[test]
fn a_connected_datagram_socket_is_reported_at_its_connect() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    actor.does(&format!(
        "datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.connect(('127.0.0.1', {port}))
for _ in range(3): datagrams.send(b'x')"
    ));
    let [found] = connects(&mut bench)[..] else { panic!("not one connect") };
    assert_eq!((found.port, found.protocol, found.outcome), (port, UDP, outcome::PASSED));
}

#[test]
fn the_table_refuses_by_address_and_by_port() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let ((_first, open), (_second, closed)) = (listener(), listener());
    deny(&mut bench, closed, 0);
    assert_eq!(actor.tries(&connect("127.0.0.9", open)), Err(EPERM), "by address");
    assert_eq!(actor.tries(&connect("127.0.0.1", closed)), Err(EPERM), "by port");
    let datagram =
        format!("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.9', {open}))");
    assert_eq!(actor.tries(&datagram), Err(EPERM), "a datagram");
    actor.does(&connect("127.0.0.1", open));
    let outcomes: Vec<u32> = connects(&mut bench).iter().map(|connect| connect.outcome).collect();
    assert_eq!(outcomes, [outcome::REFUSED, outcome::REFUSED, outcome::REFUSED, outcome::PASSED]);
    assert_eq!(bench.maps.flows().len(), 1, "what was refused is no flow");
}

#[test]
fn observing_refuses_nothing_and_says_what_it_would_have() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let (_listener, port) = listener();
    deny(&mut bench, port, 1);
    actor.does(&connect("127.0.0.1", port));
    let [found] = connects(&mut bench)[..] else { panic!("not one connect") };
    assert_eq!(found.outcome, outcome::WOULD_REFUSE);
}

#[test]
fn strangers_and_the_time_without_programs_are_let_be() {
    let mut actor = Actor::start();
    let (_listener, port) = listener();
    let Some(mut bench) = Bench::load() else { return };
    deny(&mut bench, port, 0);
    actor.does(&connect("127.0.0.1", port));
    bench.label(actor.pid, Session::default());
    assert_eq!(actor.tries(&connect("127.0.0.1", port)), Err(EPERM));
    assert_eq!(connects(&mut bench).len(), 1, "of the labelled process only");
    let _uplink = bench.detach();
    actor.does(&connect("127.0.0.1", port));
}
