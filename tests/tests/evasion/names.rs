//! Whom a connection is for, where the agent has a say in that: what it could have caused to be said lets nothing out.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{READ_SECRET, Running},
    daemon::Settings,
    wait,
};
use serde_json::Value;

use super::fixture::{A_WHILE, Fixture};

/// What the agents of these tests share: a look-up, a ClientHello without a name, and where they go.
const ACTS: &str = r#"
import os, socket, ssl, sys
AT = ("203.0.113.10", 443)
def resolve(name):
    words = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.settimeout(9)
    asked.connect(("203.0.113.53", 53))
    asked.send(b"ab\1\0\0\1\0\0\0\0\0\0" + words + b"\0\0\1\0\1")
    return socket.inet_ntoa(asked.recv(512)[-4:])
def hello(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
def connect(to=AT):
    connection = socket.create_connection(to)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
"#;

/// A fixture in a network of its own; dropped before the home.
struct World {
    fixture: Fixture,
    pid: String,
    _servers: Running,
}

fn world(settings: Settings) -> Option<World> {
    let fixture = Fixture::with(|_| settings)?;
    fs::write(fixture.home.path().join("world.py"), include_str!("world.py")).unwrap();
    let servers = fixture.home.run_unwatched("exec unshare --net python3 ../world.py");
    servers.says("pid ");
    let pid = servers.output().split_whitespace().nth(1).unwrap().to_owned();
    Some(World { fixture, pid, _servers: servers })
}

/// The same where the machine is configured with the resolver.
fn trusting() -> Option<World> {
    world(Settings { more: "resolvers = [\"203.0.113.53\"]\n".into(), ..Settings::default() })
}

impl World {
    /// Reads the secret, then does `act`.
    fn plays(&self, act: &str) -> Running {
        let program =
            format!("{ACTS}\n{act}\nconnection.settimeout(20)\nprint('answered', connection.recv(9))\n");
        fs::write(self.fixture.home.path().join("work/agent.py"), program).unwrap();
        let script = format!("{READ_SECRET}; exec python3 agent.py");
        self.fixture.home.run_in_network(&self.pid, &self.fixture.daemon, &script)
    }

    fn arrived(&self) -> Vec<u8> {
        fs::read(self.fixture.home.path().join("arrived")).unwrap_or_default()
    }

    /// `act` is held, and not a byte of it has arrived, nor does; returns the event.
    fn holds(&self, act: &str) -> Value {
        let agent = self.plays(act);
        let held = wait::until("it is held", || {
            let found = self.fixture.daemon.events("flow-held").into_iter().next_back();
            found.ok_or_else(|| (agent.output(), self.fixture.daemon.json(&["events"])))
        });
        wait::throughout("held", A_WHILE, || match self.arrived() {
            nothing if nothing.is_empty() => Ok(()),
            arrived => Err(arrived),
        });
        held
    }
}

/// A protocol in which the client says nothing of whom it means.
const SILENT: &str = r"connection = connect(); connection.sendall(b'\1\2 hello there')";

#[test]
fn an_answer_of_a_resolver_of_the_agents_choosing_makes_no_model_of_a_place() {
    let Some(world) = world(Settings::default()) else { return };
    let held = world.holds(&format!("resolve('api.openai.com'); {SILENT}"));
    assert_eq!(held["destination.domain"], Value::Null, "{held}");
}

#[test]
fn an_answer_of_a_resolver_of_the_agents_choosing_can_make_a_place_worse() {
    let Some(world) = world(Settings::default()) else { return };
    let held = world.holds(&format!("resolve('backboard.railway.app'); {SILENT}"));
    assert_eq!(held["destination.domain"], "backboard.railway.app");
}

#[test]
fn an_answer_of_the_machines_own_resolver_names_a_place() {
    let Some(world) = trusting() else { return };
    let agent = world.plays(&format!("resolve('api.openai.com'); {SILENT}"));
    agent.says("answered b'ok'");
    assert!(world.fixture.daemon.holds().is_empty(), "models are never blocked");
    assert_eq!(world.arrived(), b"\x01\x02 hello there");
}

#[test]
fn a_greeting_that_leaves_its_name_out_is_not_named_by_dns() {
    let Some(world) = trusting() else { return };
    let act = "resolve('api.openai.com'); connection = connect(); connection.sendall(hello(None))";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

#[test]
fn a_greeting_that_is_never_finished_is_not_named_by_dns() {
    let Some(world) = trusting() else { return };
    let act = "resolve('docs.example.org'); connection = connect(); greeting = hello('backboard.railway.app'); \
               connection.send(greeting[:7], socket.MSG_EOR); connection.sendall(greeting[7:])";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

#[test]
fn a_header_that_is_longer_than_what_is_looked_at_is_not_named_by_dns() {
    let Some(world) = trusting() else { return };
    let act = r"resolve('docs.example.org'); connection = connect((AT[0], 80)); connection.sendall(b'POST / HTTP/1.1\r\n' + b'X: %s\r\n' % (b'a' * 99) * 60 + b'Host: backboard.railway.app\r\n\r\n')";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

/// Has a proxy of this machine asked in these words.
fn is_asked(words: &str) -> Option<Value> {
    let world = world(Settings::default())?;
    let act =
        format!("connection = connect(('127.0.0.1', 3128)); connection.sendall(b'{words}\\r\\n\\r\\n')");
    Some(world.holds(&act))
}

#[test]
fn a_proxy_is_asked_for_an_address_in_another_spelling() {
    for spelling in ["3405803786", "0xcb.0.0x71.0xa"] {
        let Some(held) = is_asked(&format!("CONNECT {spelling}:443 HTTP/1.1")) else { return };
        assert_eq!(held["destination.ip"], "203.0.113.10", "{spelling}");
    }
}

#[test]
fn a_proxy_is_asked_with_a_tab() {
    let Some(held) = is_asked(r"CONNECT\tbackboard.railway.app:443\tHTTP/1.1") else { return };
    assert_eq!(held["destination.domain"], "backboard.railway.app");
}

#[test]
fn a_proxy_is_asked_for_a_database() {
    let Some(held) = is_asked("CONNECT db.customer.example:5432 HTTP/1.1") else { return };
    assert_eq!(held["rule.id"], serde_json::json!(["database-after-foreign-secret"]));
}

#[test]
fn a_proxy_is_asked_in_words_that_nobody_understands() {
    assert!(
        is_asked("CONNECT a^b:443 HTTP/1.1").is_none_or(|held| held["destination.domain"] == Value::Null)
    );
}

#[test]
fn echo_requests_by_the_port_of_dns_are_no_dns() {
    let Some(world) = world(Settings::default()) else { return };
    let act = "\
open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 2147483647')\n\
connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)\n\
connection.connect((AT[0], 53))\n\
try: connection.send(b'\\x08\\0\\0\\0\\0\\1\\0\\1secret'); print('it is sent')\n\
except PermissionError: print('it is refused')\n";
    let agent = world.plays(act);
    agent.says("it is refused");
    wait::throughout("nothing comes back", Duration::from_millis(200), || {
        if agent.output().contains("answered") { Err(agent.output()) } else { Ok(()) }
    });
}

/// Data that was never tried stays where it is when its session ends, while somebody else keeps the socket.
#[test]
fn corked_data_of_a_session_that_has_ended_stays_held() {
    let Some(world) = world(Settings::default()) else { return };
    let keeper = "import socket, time\nl = socket.socket(socket.AF_UNIX); l.bind('listener'); l.listen(9); print('listens', flush=True); time.sleep(60)\n";
    fs::write(world.fixture.home.path().join("work/keeper.py"), keeper).unwrap();
    let keeper = world.fixture.home.run_unwatched("exec python3 keeper.py");
    keeper.says("listens");
    let act = "\
connection = connect((AT[0], 80))\n\
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)\n\
connection.sendall(b'POST / HTTP/1.1\\r\\nHost: backboard.railway.app\\r\\n\\r\\n')\n\
other = socket.socket(socket.AF_UNIX); other.connect('listener')\n\
socket.send_fds(other, [b'x'], [connection.fileno()])\n\
print('handed over', flush=True); os._exit(0)\n";
    let agent = world.plays(act);
    agent.says("handed over");
    let _ = world.fixture.daemon.the_event("session-ended");
    wait::throughout("it stays", Duration::from_secs(2), || match world.arrived() {
        nothing if nothing.is_empty() => Ok(()),
        arrived => Err(arrived),
    });
}

/// The page belongs to the sender until the packet is gone: it could write another name there.
#[test]
fn a_greeting_in_a_page_that_its_sender_can_change_names_nothing() {
    let Some(world) = trusting() else { return };
    let act = "resolve('docs.example.org'); greeting = hello('docs.example.org'); page = os.open('page', os.O_RDWR | os.O_CREAT); \
               os.write(page, greeting); connection = connect(); os.sendfile(connection.fileno(), page, 0, len(greeting))";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

/// Servers take an urgent byte out of the stream; what is left is another name.
#[test]
fn an_urgent_byte_in_a_name_makes_it_none() {
    let Some(world) = trusting() else { return };
    let act = r"resolve('docs.example.org'); connection = connect((AT[0], 80)); connection.send(b'POST / HTTP/1.1\r\nHost: docs.exampl', socket.MSG_MORE); connection.send(b'e', socket.MSG_OOB); connection.sendall(b'.org\r\n\r\n')";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

/// Some servers skip blank lines for as long as they come, and there is no name in what is looked at.
#[test]
fn a_request_that_servers_read_in_different_ways_is_not_named_by_dns() {
    let Some(world) = trusting() else { return };
    let act = r"resolve('docs.example.org'); connection = connect((AT[0], 80)); connection.sendall(b'\r\n' * 2100 + b'GET / HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n')";
    assert_eq!(world.holds(act)["destination.domain"], Value::Null);
}

#[test]
fn of_two_hosts_in_one_request_the_worse_counts() {
    let Some(world) = trusting() else { return };
    let act = r"resolve('docs.example.org'); connection = connect((AT[0], 80)); connection.sendall(b'GET / HTTP/1.1\r\nHost: docs.example.org\r\n\r\nPOST / HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n')";
    assert_eq!(world.holds(act)["destination.domain"], "backboard.railway.app");
}
