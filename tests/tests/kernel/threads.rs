//! A session whose breaker is open stops every thread that comes to a hook, however many come at once.

use std::{
    env, fs,
    io::{BufRead as _, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Barrier, mpsc},
    thread,
    time::Duration,
};

use interlock_tests::wait;
use monitor_common::label::{FROZEN, Session};
use rustix::process::{Pid, Signal, kill_process};

use super::bench::Bench;

const THREADS: usize = 16;
/// A signal for the whole process let a thread through in one round of six (Linux 6.18, two processors).
const ROUNDS: usize = 40;
/// Marks the run of this test that plays the session.
const ROLE: &str = "INTERLOCK_TEST_SIXTEEN_THREADS";
const NAME: &str = "kernel::threads::sixteen_threads_that_open_at_once_all_stop";

/// At each line of stdin every thread opens a file, and writes a byte where it comes back from that.
fn play() {
    let (start, lines) = (Barrier::new(THREADS + 1), std::io::stdin().lock().lines());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    start.wait();
                    drop(fs::File::open("/dev/null").unwrap());
                    std::io::stderr().write_all(b".").unwrap();
                }
            });
        }
        for _ in lines {
            start.wait();
        }
        std::process::exit(0);
    });
}

/// Ends with the test, also where the test fails.
struct Player(Child);

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn states(pid: u32) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect()
}

#[test]
fn sixteen_threads_that_open_at_once_all_stop() {
    if env::var_os(ROLE).is_some() {
        return play();
    }
    let Some(mut bench) = Bench::load() else { return };
    let mut command = Command::new("/proc/self/exe");
    command.arg0("player").args(["--exact", NAME, "--nocapture"]).env(ROLE, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut player = Player(command.spawn().unwrap());
    let (pid, mut acts) = (player.0.id(), player.0.stdin.take().unwrap());
    let mut passed = player.0.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut byte = [0];
        while passed.read_exact(&mut byte).is_ok() && tell.send(()).is_ok() {}
    });
    wait::until("its threads", || match states(pid).len() {
        // The main thread, the one of the test, and those that it started.
        threads if threads > THREADS => Ok(()),
        threads => Err(threads),
    });
    bench.label(pid, Session::default());
    bench.follow_sessions(true);
    let all_pass = || (0..THREADS).all(|_| told.recv_timeout(wait::timeout()).is_ok());
    writeln!(acts).unwrap();
    assert!(all_pass(), "a session that is not frozen goes on");
    for round in 0..ROUNDS {
        bench.maps.set_flags(bench.session, FROZEN, true).unwrap();
        writeln!(acts).unwrap();
        wait::until("all stopped", || match states(pid) {
            states if states.chars().all(|state| state == 'T') => Ok(()),
            states => Err(states),
        });
        let through = told.recv_timeout(Duration::from_millis(5));
        assert!(through.is_err(), "round {round}: a thread came back from its open");
        bench.maps.set_flags(bench.session, FROZEN, false).unwrap();
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::CONT).unwrap();
        assert!(all_pass(), "round {round}: what was thawed goes on");
    }
}
