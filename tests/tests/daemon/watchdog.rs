//! A daemon whose event loop is gone ends; systemd is told of one that turns.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use interlock_host::capabilities::Duty;
use interlock_tests::{
    daemon::{Daemon, Settings},
    is_root, wait,
};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tempfile::TempDir;

#[test]
fn an_event_loop_that_cannot_wait_for_the_kernel_ends_the_daemon() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings::default());
    // poll(2) refuses more descriptors than the limit allows.
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap());
    let before = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(1), ..before }).unwrap();
    let _ = daemon.cli(&["status"]); // wakes the event loop
    let status = wait::until("the daemon ends", || daemon.ended().ok_or_else(|| daemon.log()));
    assert_eq!(status.code(), Some(1), "{}", daemon.log());
    assert!(daemon.log().contains("waiting for the kernel failed"), "{}", daemon.log());
}

#[test]
fn the_watchdog_is_told_of_an_event_loop_that_turns() {
    if !is_root() {
        return;
    }
    let (_daemon, socket, _dir) = supervised();
    let heard: Vec<String> = (0..4).map(|_| heard(&socket)).collect();
    let ready = "READY=1\nSTATUS=0 agent sessions, 0 frozen; 0 waiting for a decision";
    assert_eq!(heard, [ready, "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
}

/// A daemon that thinks systemd started it, what systemd listens at, and where that lies: the daemon looks for it each time.
fn supervised() -> (Daemon, UnixDatagram, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let env = vec![("NOTIFY_SOCKET", path.display().to_string()), ("WATCHDOG_USEC", "600000".into())];
    (Daemon::start(&Settings { env, ..Settings::default() }), socket, dir)
}

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

/// Stops one thread of another process, and nothing else of it, until standard input ends.
const STOP_THREAD: &str = "
import ctypes, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
SEIZE, INTERRUPT = 0x4206, 0x4207
for request in SEIZE, INTERRUPT:
    if ptrace(request, int(sys.argv[1]), None, None):
        sys.exit(f'errno {ctypes.get_errno()}')
print('stopped', flush=True)
sys.stdin.read()
";

#[test]
fn the_watchdog_is_told_nothing_of_an_event_loop_that_hangs() {
    if !is_root() {
        return;
    }
    let (daemon, socket, _dir) = supervised();
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
    let named =
        |thread: &fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap() == "interlock-loop\n";
    let thread = threads.into_iter().find(named).unwrap().file_name().into_string().unwrap();
    let mut stopper = Command::new("python3")
        .args(["-c", STOP_THREAD, &thread])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(stopper.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "stopped\n");
    // A turn may take a minute; everything but the event loop works on meanwhile.
    let began = Instant::now();
    let stuck = loop {
        let heard = heard(&socket);
        if heard.starts_with("STATUS=the event loop does not turn") {
            break Ok(());
        } else if began.elapsed() > Duration::from_secs(120) {
            break Err(heard);
        }
    };
    assert_eq!(stuck, Ok(()), "{}", daemon.log());
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut bytes = [0; 256];
    assert!(socket.recv(&mut bytes).is_err(), "{}", String::from_utf8_lossy(&bytes));
    assert!(daemon.log().contains("the event loop does not turn"), "{}", daemon.log());
    drop(stopper.stdin.take()); // whoever traced it ends, and it goes on
    stopper.wait().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let heard = [heard(&socket), heard(&socket)];
    assert!(heard[0].starts_with("STATUS=0 agent sessions") && heard[1] == "WATCHDOG=1", "{heard:?}");
}

#[test]
fn each_thread_keeps_the_capabilities_of_its_duty_and_no_other() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let mut seen = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten() {
        let text = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let status = text("status");
        let sets: Vec<u64> = ["CapPrm:", "CapEff:", "CapInh:"]
            .map(|name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0").trim())
            .iter()
            .map(|set| u64::from_str_radix(set, 16).unwrap())
            .collect();
        assert_eq!((sets[1], sets[2]), (sets[0], 0), "{status}");
        // What has no name of its own has the program's, as the main thread does.
        let is_main = thread.file_name().to_string_lossy() == daemon.pid().to_string();
        let name = if is_main { "main".to_owned() } else { text("comm").trim().to_owned() };
        seen.insert(name, sets[0]);
    }
    let bits = |duty: Duty| Some(duty.capabilities().bits());
    for (thread, duty) in [
        ("main", Duty::Serve),
        ("interlock-api", Duty::Serve),
        ("interlock-loop", Duty::Judge),
        ("interlock-searc", Duty::Look),
        ("interlock-seats", Duty::Look),
        ("interlock-tty", Duty::Terminals),
        ("interlock-users", Duty::Own),
        ("interlock-facto", Duty::Own),
        ("interlock-past", Duty::Own),
        ("alerts", Duty::Own),
    ] {
        assert_eq!(seen.remove(thread), bits(duty), "{thread}: {seen:x?}");
    }
    // Whatever else runs has no more than who judges.
    let most = Duty::Judge.capabilities() | Duty::Serve.capabilities();
    assert!(seen.values().all(|set| set & !most.bits() == 0), "{seen:x?}");
}

#[test]
fn who_judges_and_who_answers_comes_before_what_sessions_run() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings::default());
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().flatten();
    let stats = threads.map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap());
    let nice: BTreeMap<String, String> = stats
        .map(|stat| {
            let (name, fields) = stat.rsplit_once(") ").unwrap();
            let name = name.split_once('(').unwrap().1.to_owned();
            (name, fields.split(' ').nth(16).unwrap().to_owned()) // proc_pid_stat(5): the 19th field
        })
        .collect();
    for thread in ["interlock-loop", "interlock-api"] {
        assert_eq!(nice.get(thread).map(String::as_str), Some("-20"), "{nice:?}");
    }
}
