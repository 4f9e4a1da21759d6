//! What one session has read it tells another one, which has read nothing and sends it.

use interlock_tests::{daemon::Settings, wait};

use super::fixture::{Fixture, TOKEN};

/// Serves one client: reads the secret before it listens, or after the client has come.
const SERVES: &str = r#"
import os, socket, sys
where, when = sys.argv[1:]
def secret():
    return open(os.path.expanduser('~/.railway/config.json'), 'rb').read()
told = secret() if when == 'before' else b''
if where == 'unix':
    server = socket.socket(socket.AF_UNIX)
    server.bind('meet')
else:
    server = socket.socket(socket.AF_INET6 if ':' in where else socket.AF_INET)
    server.bind((where, 0))
server.listen()
if where != 'unix':
    open('port', 'w').write(str(server.getsockname()[1]))
print('listens', flush=True)
client, _ = server.accept()
client.recv(1)
client.sendall(told or (secret() if when == 'after' else b'nothing'))
client.close()
print('told', flush=True)
sys.stdin.read()
"#;

const ASKS: &str = r#"
import os, socket, sys, time
where = sys.argv[1]
if where == 'unix':
    peer = socket.socket(socket.AF_UNIX)
    peer.connect('meet')
else:
    peer = socket.create_connection((where, int(open('port').read())))
print('met', flush=True)
while len(sys.argv) > 2 and not os.path.exists('go'):
    time.sleep(0.05)
peer.sendall(b'?')
print(peer.makefile().read())
"#;

fn fixture(pinned: bool) -> Option<Fixture> {
    let fixture = Fixture::with(|_| Settings { pinned, ..Settings::default() })?;
    std::fs::write(fixture.home.path().join("serves.py"), SERVES).unwrap();
    std::fs::write(fixture.home.path().join("asks.py"), ASKS).unwrap();
    Some(fixture)
}

/// The port that the first session wrote down, in a file of ours: a file of a session that has read a secret may be a copy of it.
fn port_by_hand(fixture: &Fixture) -> String {
    let file = fixture.home.path().join("work/port");
    let port = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &port).unwrap();
    port
}

fn is_held_after_meeting(bound: &str, asked: &str, when: &str) {
    let Some(fixture) = fixture(false) else { return };
    let other = fixture.run(&format!("rm -f meet; sleep 60 | python3 ~/serves.py {bound} {when}"));
    other.says("listens");
    if bound != "unix" {
        port_by_hand(&fixture);
    }
    let agent =
        fixture.run(&format!("python3 ~/asks.py {asked}; sleep 0.2; {}; echo ended", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    let met = fixture.reported("sessions-met", |_| true);
    assert_ne!(met["interlock.session.id"], met["interlock.session.met"], "{met}");
    let shared = fixture.reported("touch-shared", |_| true);
    assert!(
        shared["interlock.file.paths"][0].as_str().unwrap().ends_with("/.railway/config.json"),
        "{shared}"
    );
}

#[test]
fn by_a_unix_socket() {
    is_held_after_meeting("unix", "unix", "before");
}

#[test]
fn by_a_port_of_this_machine() {
    is_held_after_meeting("127.0.0.1", "127.0.0.1", "before");
}

#[test]
fn by_a_port_at_every_address() {
    is_held_after_meeting("::", "127.0.0.1", "before");
}

/// It has met the other one while that had read nothing.
#[test]
fn by_a_connection_from_before_the_read() {
    is_held_after_meeting("unix", "unix", "after");
}

/// What stays in force while the daemon is away knows who has met.
#[test]
fn by_a_connection_that_outlived_the_daemon() {
    let Some(mut fixture) = fixture(true) else { return };
    let other = fixture.run("rm -f meet; sleep 60 | python3 ~/serves.py unix after");
    other.says("listens");
    let agent =
        fixture.run(&format!("python3 ~/asks.py unix waits; sleep 0.2; {}; echo ended", fixture.request()));
    agent.says("met");
    fixture.daemon.kill();
    fixture.daemon.start_again();
    std::fs::write(fixture.home.path().join("work/go"), "").unwrap();
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
}

#[test]
fn by_a_port_where_it_listened_before_a_daemon_of_another_version() {
    let Some(mut fixture) = fixture(true) else { return };
    let other = fixture.run("sleep 60 | python3 ~/serves.py 127.0.0.1 before");
    other.says("listens");
    port_by_hand(&fixture);
    fixture.daemon.kill();
    let pins = fixture.daemon.pins().unwrap().to_path_buf();
    let current = std::fs::read_dir(&pins).unwrap().next().unwrap().unwrap().path();
    std::fs::rename(&current, pins.join("v0")).unwrap();
    fixture.daemon.start_again();
    let ask = fixture.request();
    let agent = fixture.run(&format!("python3 ~/asks.py 127.0.0.1; sleep 0.2; {ask}; echo ended"));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    fixture.reported("sessions-met", |_| true);
}

#[test]
fn by_a_named_pipe() {
    let Some(fixture) = fixture(false) else { return };
    let other = fixture.run("mkfifo meet; cat ~/.railway/config.json > meet; echo told; sleep 60");
    wait::until("the pipe is there", || {
        let pipe = fixture.home.path().join("work/meet");
        if pipe.exists() { Ok(()) } else { Err(other.output()) }
    });
    let agent = fixture.run(&format!("cat meet; {}; echo ended", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    fixture.reported("touch-shared", |_| true);
}

#[test]
fn who_has_met_somebody_that_read_nothing_goes_on() {
    let Some(fixture) = fixture(false) else { return };
    let other = fixture.run("rm -f meet; sleep 60 | python3 ~/serves.py unix never");
    other.says("listens");
    let agent = fixture.run(&format!("python3 ~/asks.py unix; {}; echo ended", fixture.request()));
    fixture.goes_on(&agent);
    assert!(fixture.daemon.events("touch-shared").is_empty());
}

/// The port of another session at another address is not theirs.
#[test]
fn by_one_of_two_addresses_with_the_same_port() {
    let Some(fixture) = fixture(false) else { return };
    let server = fixture.run("sleep 60 | python3 ~/serves.py 127.0.0.1 before");
    server.says("listens");
    let port = port_by_hand(&fixture);
    let neighbour = fixture.run(&format!(
        "sleep 60 | python3 -c 'import socket, sys; socket.create_server((\"127.0.0.2\", {port})); \
         print(\"listens\", flush=True); sys.stdin.read()'"
    ));
    neighbour.says("listens");
    let agent = fixture.run(&format!("python3 ~/asks.py 127.0.0.1; {}; echo ended", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    assert_eq!(fixture.daemon.events("sessions-met").len(), 1);
}

/// What a session listened on once is somebody else's by now.
#[test]
fn whoever_asks_a_person_where_a_session_was_before_goes_on() {
    let Some(fixture) = fixture(false) else { return };
    let session = fixture.run(
        "cat ~/.railway/config.json; python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); \
         print(\" at\", s.getsockname()[1])'; echo closed; sleep 60",
    );
    session.says("closed");
    let output = session.output();
    let port =
        output.split(" at ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("it said where");
    std::fs::write(fixture.home.path().join("work/port"), port).unwrap();
    let mut person = fixture.home.run_unwatched(
        "python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", int(open(\"port\").read()))); \
         print(\"listens\", flush=True); c = s.accept()[0]; c.recv(1); c.sendall(b\"hello\")'",
    );
    person.says("listens");
    let agent = fixture.run(&format!("python3 ~/asks.py 127.0.0.1; {}; echo ended", fixture.request()));
    fixture.goes_on(&agent);
    assert!(agent.output().contains("hello"), "{}", agent.output());
    assert!(fixture.daemon.events("sessions-met").is_empty());
    assert!(!person.finish().contains("Error"));
}

/// Whoever listens at every address listens at a distant one only as far as a look-up tells: a connect that fails meets nobody, nor does
/// the next one of the same thread.
#[test]
fn whoever_reaches_nobody_meets_nobody() {
    let Some(fixture) = fixture(false) else { return };
    let other = fixture.run("sleep 60 | python3 ~/serves.py 0.0.0.0 before");
    other.says("listens");
    let port = port_by_hand(&fixture);
    let agent = fixture.run(&format!(
        "python3 -c 'import socket; s = socket.socket(); \
         print(s.connect_ex((\"240.0.0.1\", {port})), flush=True); socket.create_connection((\"127.0.0.1\", {}))'; {}; echo ended",
        fixture.server.port(),
        fixture.request()
    ));
    fixture.goes_on(&agent);
    assert!(fixture.daemon.events("sessions-met").is_empty());
}

/// Whoever called `listen` has ended; its child accepts.
#[test]
fn by_a_unix_socket_that_a_child_serves() {
    let Some(fixture) = fixture(false) else { return };
    let served = SERVES.replace("print('listens'", "os.fork() and os._exit(0)\nprint('listens'");
    std::fs::write(fixture.home.path().join("serves.py"), served).unwrap();
    let other = fixture.run("rm -f meet; sleep 60 | python3 ~/serves.py unix before; sleep 60");
    other.says("listens");
    let agent = fixture.run(&format!("python3 ~/asks.py unix; sleep 0.2; {}; echo ended", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
}

/// Everybody who comes is heard, and stays.
const HUB: &str = r#"
import socket
server = socket.socket(socket.AF_UNIX)
server.bind('meet')
server.listen()
print('listens', flush=True)
clients = []
while True:
    clients.append(server.accept()[0])
"#;

/// A connection that a person approved sends once more when it is told to.
const SENDS_TWICE: &str = r#"
import os, socket, sys, time
hub = socket.socket(socket.AF_UNIX)
hub.connect('meet')
open(os.path.expanduser('~/.railway/config.json')).read()
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
for number in ('first', 'second'):
    peer.sendall(b'POST / HTTP/1.1\r\nHost: backboard.railway.app\r\nContent-Length: 0\r\n\r\n')
    peer.recv(999)
    print(number, flush=True)
    while not os.path.exists('go'):
        time.sleep(0.05)
"#;

/// Two that have not met themselves, but a third one: a connection that was approved before is asked about again.
#[test]
fn by_way_of_a_third_session() {
    let Some(fixture) = fixture(false) else { return };
    let home = fixture.home.path();
    std::fs::write(home.join("hub.py"), HUB).unwrap();
    std::fs::write(home.join("twice.py"), SENDS_TWICE).unwrap();
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let key = "[default]\naws_access_key_id = not-real\naws_secret_access_key = not-real\n";
    std::fs::write(home.join(".aws/credentials"), key).unwrap();
    let hub = fixture.run("rm -f meet; python3 ~/hub.py");
    hub.says("listens");
    let agent = fixture.run(&format!("python3 ~/twice.py {}", fixture.server.port()));
    let hold = fixture.is_held(&agent);
    fixture.daemon.expect(&["approve", &hold]);
    agent.says("first");
    let reader = fixture.run(
        "python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX); s.connect(\"meet\"); time.sleep(0.5); \
         open(\"../.aws/credentials\").read(); print(\"read\", flush=True); time.sleep(60)'",
    );
    reader.says("read");
    let is_shared = |event: &serde_json::Value| {
        event["interlock.file.paths"][0].as_str().is_some_and(|path| path.ends_with(".aws/credentials"))
            && event["interlock.session.id"]
                != fixture.daemon.events("sessions-met")[1]["interlock.session.met"]
    };
    fixture.reported("touch-shared", is_shared);
    std::fs::write(home.join("work/go"), "").unwrap();
    wait::until("the second request waits", || match fixture.daemon.holds().len() {
        1 => Ok(()),
        _ => Err((agent.output(), fixture.daemon.json(&["events"]))),
    });
    assert_eq!(fixture.server.seen().requests.len(), 1, "{}", agent.output());
}
