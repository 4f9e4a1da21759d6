//! Whoever asks for more than anybody wants to look through waits for himself; nobody else does.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};

/// As many descriptors as a process may have, up to 100,000, then connections behind all of them that are held.
const HOARD: &str = r#"
import os, resource, socket, sys
most = int(open('/proc/sys/fs/nr_open').read())
try: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
except (ValueError, OSError): most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
many = [os.dup(first.fileno()) for _ in range(min(most - 400, 100_000))]
held = []
for _ in range(CONNECTIONS):
    connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    connection.sendall(b'GET / HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n')
    held.append(connection)
print('sent behind', len(many), flush=True)
for connection in held:
    try: print('answered', connection.recv(1), flush=True)
    except OSError: print('reset', flush=True)
print('over', flush=True)
"#;

const CONNECTIONS: usize = 200;
/// Searching for each of them, one after the other, takes twenty seconds.
const PROMPT: Duration = Duration::from_secs(2);

fn hoarder(home: &Home, daemon: &Daemon, server: &Server) -> interlock_tests::agent::Running {
    let script = HOARD.replace("CONNECTIONS", &CONNECTIONS.to_string());
    fs::write(home.path().join("work/hoard.py"), script).unwrap();
    let agent = home.run(daemon, &format!("{READ_SECRET}; exec python3 hoard.py {}", server.port()));
    agent.says("sent behind");
    println!("{}", agent.output().trim());
    wait::until("every connection waits", || match daemon.holds().as_slice() {
        [hold] if hold["others"].as_array().is_some_and(Vec::is_empty) => Ok(()),
        other => Err((other.to_vec(), daemon.log())),
    });
    agent
}

#[test]
fn another_sessions_hold_is_decided_while_one_with_many_descriptors_is_searched() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let (one, other, hoards, serves) = (Home::new(), Home::new(), Server::start(), Server::start());
    let hoarder = hoarder(&one, &daemon, &hoards);
    let hoarded = daemon.the_hold();
    let mut agent = other.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?", curl(&serves, "")));
    let hold = wait::until("the other's hold", || {
        let holds = daemon.holds();
        let ids = holds.iter().filter_map(|hold| hold["id"].as_str());
        ids.map(str::to_owned).find(|id| *id != hoarded).ok_or(holds)
    });
    let denied = Instant::now();
    daemon.expect(&["deny", &hoarded]);
    daemon.expect(&["approve", &hold]);
    serves.arrives(1);
    let took = denied.elapsed();
    println!("from the denial of {CONNECTIONS} connections to the other's data: {took:?}");
    assert!(took < PROMPT, "the event loop searched meanwhile: {took:?}");
    assert!(agent.finish().contains("ok\nexit 0"), "{}", agent.output());
    // None is forgotten: each is found in its time.
    hoarder.says("over");
    println!("until all were reset: {:?}", denied.elapsed());
    assert_eq!(hoarder.output().matches("reset").count(), CONNECTIONS, "{}", hoarder.output());
    assert!(hoards.silent().is_ok());
}

#[test]
fn connections_from_before_a_session_are_found_behind_many_descriptors() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let before = r#"
import os, resource, socket, sys, time
most = int(open('/proc/sys/fs/nr_open').read())
try: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
except (ValueError, OSError): most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
many = [os.dup(first.fileno()) for _ in range(min(most - 400, 100_000))]
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
for each in many + [connection.fileno()]: os.set_inheritable(each, True)
os.execvp(sys.argv[2], sys.argv[2:])
"#;
    fs::write(home.path().join("work/before.py"), before).unwrap();
    // It executes itself as a session: what it has open was connected before anybody watched.
    let inside = "import os, sys, time, socket\n\
        connection = socket.socket(fileno=max(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)))\n\
        open(os.path.expanduser('~/.railway/config.json')).read()\n\
        time.sleep(3)\n\
        connection.sendall(b'GET / HTTP/1.1\\r\\nHost: backboard.railway.app\\r\\n\\r\\n')\n\
        print('sent', flush=True)\n\
        time.sleep(60)\n";
    fs::write(home.path().join("work/inside.py"), inside).unwrap();
    let agent = home.run_unwatched(&format!(
        "exec python3 before.py {} {} --socket {} run -- python3 inside.py",
        server.port(),
        interlock_tests::daemon::binary().display(),
        daemon.socket().display()
    ));
    agent.says("sent");
    let hold = daemon.the_hold();
    assert!(server.silent().is_ok(), "{:?}", server.seen());
    daemon.expect(&["approve", &hold]);
    server.arrives(1);
}

/// Asks again and again on one connection; returns how often.
fn asks(daemon: &Daemon, over: &AtomicBool) -> usize {
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    let (mut answers, mut buffer) = (0, vec![0; 65_536]);
    while !over.load(Ordering::Relaxed) {
        stream.write_all(b"GET /v1/doctor HTTP/1.1\r\nHost: interlock\r\n\r\n").unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"]") {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&buffer[..length]);
        }
        answers += 1;
    }
    answers
}

#[test]
fn questions_without_end_keep_no_session_from_being_watched() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..48 {
            scope.spawn(|| answers.fetch_add(asks(&daemon, &over), Ordering::Relaxed));
        }
        let script = format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "-m 60"));
        let mut agent = home.run(&daemon, &script);
        let began = Instant::now();
        let hold = daemon.the_hold();
        println!("held after {:?}", began.elapsed());
        daemon.expect(&["approve", &hold]);
        let output = agent.finish();
        over.store(true, Ordering::Relaxed);
        assert!(output.contains("ok\nexit 0"), "{output}");
    });
    println!("{} questions were answered meanwhile", answers.load(Ordering::Relaxed));
    assert!(answers.load(Ordering::Relaxed) > 48);
}
