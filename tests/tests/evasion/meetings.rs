//! What one session has read it tells another one, which has read nothing and sends it.

use interlock_tests::{daemon::Settings, wait};

use super::stage::{Stage, TOKEN};

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

fn stage(pinned: bool) -> Option<Stage> {
    let stage = Stage::with(|_| Settings { pinned, ..Settings::default() })?;
    std::fs::write(stage.home.path().join("serves.py"), SERVES).unwrap();
    std::fs::write(stage.home.path().join("asks.py"), ASKS).unwrap();
    Some(stage)
}

fn is_held_after_meeting(bound: &str, asked: &str, when: &str) {
    let Some(stage) = stage(false) else { return };
    let other = stage.run(&format!("rm -f meet; sleep 60 | python3 ~/serves.py {bound} {when}"));
    other.says("listens");
    let agent = stage.run(&format!("python3 ~/asks.py {asked}; sleep 0.2; {}; echo ended", stage.request()));
    stage.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    let met = stage.reported("sessions-met", |_| true);
    assert_ne!(met["session.id"], met["session.met"], "{met}");
    let shared = stage.reported("touch-shared", |_| true);
    assert!(shared["file.paths"][0].as_str().unwrap().ends_with("/.railway/config.json"), "{shared}");
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
    let Some(mut stage) = stage(true) else { return };
    let other = stage.run("rm -f meet; sleep 60 | python3 ~/serves.py unix after");
    other.says("listens");
    let agent =
        stage.run(&format!("python3 ~/asks.py unix waits; sleep 0.2; {}; echo ended", stage.request()));
    agent.says("met");
    stage.daemon.kill();
    stage.daemon.start_again();
    std::fs::write(stage.home.path().join("work/go"), "").unwrap();
    stage.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
}

#[test]
fn by_a_named_pipe() {
    let Some(stage) = stage(false) else { return };
    let other = stage.run("mkfifo meet; cat ~/.railway/config.json > meet; echo told; sleep 60");
    wait::until("the pipe is there", || {
        let pipe = stage.home.path().join("work/meet");
        if pipe.exists() { Ok(()) } else { Err(other.output()) }
    });
    let agent = stage.run(&format!("cat meet; {}; echo ended", stage.request()));
    stage.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was handed over: {}", agent.output());
    stage.reported("touch-shared", |_| true);
}

#[test]
fn who_has_met_somebody_that_read_nothing_goes_on() {
    let Some(stage) = stage(false) else { return };
    let other = stage.run("rm -f meet; sleep 60 | python3 ~/serves.py unix never");
    other.says("listens");
    let agent = stage.run(&format!("python3 ~/asks.py unix; {}; echo ended", stage.request()));
    stage.goes_on(&agent);
    assert!(stage.daemon.events("touch-shared").is_empty());
}
