//! A daemon that everything goes wrong for, one after the other, each fault caused for real.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use interlock_host::probes::mounts;
use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, text},
    prometheus::{Prometheus, free_port},
    receiver::Receiver,
    server::Server,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};

/// Alerts that are not seen here, in the order of the file, and why. `promtool` sees them.
pub const PROMTOOL_ONLY: &[(&str, &str)] = &[
    ("InterlockFrozenBySignal", "needs a machine whose freezer cannot be had"),
    ("InterlockStuck", "needs an event loop that stands still for a minute and is not ended"),
    ("InterlockProgramLeftOut", "needs a kernel program that is interrupted by itself"),
    ("InterlockNotifierDrops", "needs a disk that is slower than a thousand messages"),
];

/// Answers every request with 404, until it is to take what it is told.
fn refusing() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let takes = Arc::new(AtomicBool::new(false));
    let taking = Arc::clone(&takes);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]); // whatever it asks
            let status = if taking.load(Ordering::Relaxed) { "204 No Content" } else { "404 Not Found" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()); // it hung up
        }
    });
    (address, takes)
}

/// A library that moves the wall clock of the program that loads it by as many seconds as a file says: the machine's own clock is
/// everybody's.
fn shifted_clock(home: &Home) -> (PathBuf, PathBuf) {
    let [source, library, file] = ["clock.c", "clock.so", "shift"].map(|name| home.path().join(name));
    let code = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n\
        int clock_gettime(clockid_t id, struct timespec *t) {\n\
          static int (*real)(clockid_t, struct timespec *);\n\
          if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, \"clock_gettime\");\n\
          int done = real(id, t);\n\
          FILE *file = id == CLOCK_REALTIME ? fopen(getenv(\"CLOCK_SHIFT\"), \"r\") : NULL;\n\
          long shift = 0;\n\
          if (file) { if (fscanf(file, \"%ld\", &shift) == 1) t->tv_sec += shift; fclose(file); }\n\
          return done;\n}\n";
    fs::write(&source, code).unwrap();
    fs::write(&file, "0").unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let built = compiler.output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    (library, file)
}

pub struct Faulty {
    pub address: String,
    daemon: Daemon,
    home: Home,
    server: Server,
    /// Where nobody listens yet, and somebody is to be told.
    dead: String,
    /// Whether the other one takes what it is told.
    takes: Arc<AtomicBool>,
    shift: PathBuf,
}

impl Faulty {
    pub fn start() -> Self {
        let (home, server) = (Home::new(), Server::start());
        let (dead, address) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let (library, shift) = shifted_clock(&home);
        let (refusing, takes) = refusing();
        let target = |name: &str, address: &str| {
            format!("[[notify]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{address}/\"\n")
        };
        let daemon = Daemon::start(&Settings {
            metrics: Some(address.clone()),
            catalog: true,
            state_room: Some("8m"),
            more: "sessions_per_user = 1\n".to_owned()
                + &target("dead", &dead)
                + &target("refusing", &refusing),
            env: vec![
                ("LD_PRELOAD", library.display().to_string()),
                ("CLOCK_SHIFT", shift.display().to_string()),
            ],
            ..Settings::default()
        });
        Self { address, daemon, home, server, dead, takes, shift }
    }

    fn session(&self) -> String {
        let sessions = self.daemon.json(&["ps"]);
        sessions[0]["id"].as_str().unwrap_or_else(|| panic!("{sessions}")).to_owned()
    }

    fn agent(&self, script: &str) -> Running {
        let running = self.home.run(&self.daemon, script);
        wait::until("it is watched", || match self.daemon.json(&["ps"]) {
            sessions if sessions.as_array().is_some_and(|all| !all.is_empty()) => Ok(()),
            sessions => Err(sessions),
        });
        running
    }

    fn is(&self, prometheus: &Prometheus, alert: &str, instance: Option<&str>, status: &str) {
        let began = Instant::now();
        wait::until(&format!("{alert} is {status}"), || {
            if prometheus.is(alert, instance, status) {
                return Ok(());
            }
            Err((
                prometheus.query(&format!("ALERTS{{alertname=\"{alert}\"}}")),
                self.daemon.log(),
                prometheus.log(),
            ))
        });
        println!("{:5.1} s  {status:8}  {alert}", began.elapsed().as_secs_f64());
    }

    /// All of them are told of, by now or soon.
    fn fire(&self, prometheus: &Prometheus, alerts: &[&str]) {
        alerts.iter().for_each(|alert| self.is(prometheus, alert, Some(&self.address), "firing"));
    }

    fn resolve(&self, prometheus: &Prometheus, alerts: &[&str]) {
        alerts.iter().for_each(|alert| self.is(prometheus, alert, Some(&self.address), "resolved"));
    }

    /// All but those that the other daemons share.
    pub fn every_fault(&mut self, prometheus: &Prometheus) {
        self.holds(prometheus);
        self.sweep(prometheus);
        self.files(prometheus);
        self.silence(prometheus);
        self.starts(prometheus);
    }

    /// What waits for a person, who is not told; then a freeze, and a glass that is broken.
    fn holds(&mut self, prometheus: &Prometheus) {
        let request = curl(&self.server, "-m 60 -o /dev/null");
        let agent = self.agent(&format!("{READ_SECRET}; {request}; sleep 300"));
        let hold = self.daemon.the_hold();
        self.fire(prometheus, &["InterlockHoldWaits", "InterlockDeliveryFailing", "InterlockDeliveryLost"]);
        self.daemon.expect(&["approve", &hold]);
        let _team = Receiver::start(&self.dead);
        self.takes.store(true, Ordering::Relaxed);
        let _ = self.daemon.cli(&["notifier", "test"]);
        let session = self.session();
        self.daemon.expect(&["freeze", &session]);
        self.fire(prometheus, &["InterlockSessionFrozen"]);
        self.daemon.expect(&["thaw", &session]);
        self.daemon.expect(&["break-glass", &session, "--for", "1m", "--reason", "a trial"]);
        self.fire(prometheus, &["InterlockSuspended"]);
        self.daemon.expect(&["break-glass", &session, "--end"]);
        self.resolve(
            prometheus,
            &[
                "InterlockHoldWaits",
                "InterlockSessionFrozen",
                "InterlockSuspended",
                "InterlockDeliveryFailing",
            ],
        );
        drop(agent);
        self.is_quiet();

        let program = format!(
            "import socket, threading\ndef ask(i):\n    s = socket.create_connection(('127.0.0.1', {}))\n    \
             s.sendall(b'GET / HTTP/1.1\\r\\nHost: n%d.s3.eu-west-1.amazonaws.com\\r\\n\\r\\n' % i)\n    s.recv(99)\n\
             threads = [threading.Thread(target=ask, args=(i,)) for i in range(26)]\n\
             for t in threads: t.start()\nfor t in threads: t.join()\n",
            self.server.port()
        );
        fs::write(self.home.path().join("requests.py"), program).unwrap();
        let agent = self.agent(&format!("{READ_SECRET}; exec python3 ~/requests.py"));
        self.fire(prometheus, &["InterlockHoldsFilling"]);
        drop(agent);
        self.is_quiet();
        self.resolve(prometheus, &["InterlockHoldsFilling"]);
    }

    fn sweep(&self, prometheus: &Prometheus) {
        for file in [".netrc", ".npmrc", ".pgpass", ".bash_history"] {
            fs::write(self.home.path().join(file), "not-real\n").unwrap();
        }
        fs::create_dir_all(self.home.path().join(".aws")).unwrap();
        fs::write(self.home.path().join(".aws/credentials"), "[default]\n").unwrap();
        let files = "~/.aws/credentials ~/.netrc ~/.npmrc ~/.pgpass ~/.bash_history";
        let agent = self.agent(&format!("for f in {files}; do cat $f > /dev/null; done; sleep 300"));
        self.fire(prometheus, &["InterlockSecretSweep", "InterlockSessionFrozen"]);
        self.daemon.expect(&["kill", &self.session(), "--yes"]);
        drop(agent);
        self.is_quiet();
        self.resolve(prometheus, &["InterlockSessionFrozen"]); // the sweep's time passes meanwhile
    }

    /// The disk is full, somebody cuts the ledger, a catalogue has a mistake, the clock is set, a user has too many agents.
    fn files(&self, prometheus: &Prometheus) {
        let state = self.daemon.dir().join("state");
        let agent = self.agent("while sleep 0.2; do cat ~/.railway/config.json > /dev/null; true; done");
        let mut filler = fs::File::create(state.join("filler")).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if filler.write_all(&vec![b'x'; size]).is_err() {
                size /= 2;
            }
        }
        let broken = self.daemon.dir().join("catalog/secrets.yaml");
        fs::write(&broken, "version: 1\nsecrts: []\n").unwrap();
        let session = self.session();
        // The ledger's last page has room for some records still, and events need their buffer to be written.
        wait::until("neither ledger nor events can be written", || {
            let _ = self.daemon.cli(&["freeze", &session]);
            let _ = self.daemon.cli(&["thaw", &session]);
            let page = interlock_tests::prometheus::scrape(&self.address, "*/*");
            let is = |line: &str| page.lines().any(|found| found == line);
            if is("interlock_ledger_failing 1") && !is("interlock_outbox_failed_total 0") {
                return Ok(());
            }
            Err((
                page.lines().filter(|line| line.contains("_fail")).map(str::to_owned).collect::<Vec<_>>(),
                self.daemon.log(),
            ))
        });
        self.fire(
            prometheus,
            &[
                "InterlockLedgerFailing",
                "InterlockCheckpointFailing",
                "InterlockEventsNotWritten",
                "InterlockRulesRejected",
            ],
        );
        fs::remove_file(state.join("filler")).unwrap();
        fs::remove_file(broken).unwrap();
        drop(filler);
        drop(agent);
        self.is_quiet();

        fs::OpenOptions::new().write(true).open(state.join("ledger.jsonl")).unwrap().set_len(0).unwrap();
        fs::write(&self.shift, "30").unwrap();
        let unwatched = |user: u32| {
            let script = format!("exec setpriv --reuid {user} env CLAUDE_CODE_CHILD_SESSION=1 sleep 300");
            self.home.run_unwatched(&script)
        };
        let first = unwatched(65534);
        let _ = self.session_of(65534);
        let second = unwatched(65534);
        self.fire(prometheus, &["InterlockLedgerChanged", "InterlockClockJump", "InterlockSessionUnwatched"]);
        drop((first, second));
        self.is_quiet();
        self.resolve(
            prometheus,
            &[
                "InterlockLedgerFailing",
                "InterlockCheckpointFailing",
                "InterlockEventsNotWritten",
                "InterlockRulesRejected",
                "InterlockLedgerChanged",
                "InterlockClockJump",
                "InterlockSessionUnwatched",
                "InterlockDeliveryLost",
                "InterlockSecretSweep",
            ],
        );
    }

    /// The daemon is stopped while an agent floods a ring that nobody reads.
    fn silence(&self, prometheus: &Prometheus) {
        let pid = Pid::from_raw(i32::try_from(self.daemon.pid()).unwrap()).unwrap();
        fs::write(
            self.home.path().join("flood.py"),
            "import os\nprint('ready', flush=True)\nwhile not os.path.exists('go'): pass\n\
             path = os.path.expanduser('~/.railway/config.json')\n\
             for _ in range(60000): os.close(os.open(path, os.O_RDONLY))\nprint('flooded', flush=True)\n\
             import time\ntime.sleep(300)\n",
        )
        .unwrap();
        let agent = self.agent("exec python3 ~/flood.py");
        agent.says("ready");
        kill_process(pid, Signal::STOP).unwrap();
        fs::write(self.home.path().join("work/go"), "").unwrap();
        agent.says("flooded");
        self.fire(prometheus, &["InterlockDown"]);
        kill_process(pid, Signal::CONT).unwrap();
        self.fire(prometheus, &["InterlockRecordsLost", "InterlockSessionsIncomplete"]);
        drop(agent);
        self.is_quiet();
        self.resolve(prometheus, &["InterlockDown", "InterlockSessionsIncomplete"]);
    }

    /// It is started in observe mode, then with hooks at a cgroup that nobody is in, which then goes.
    fn starts(&mut self, prometheus: &Prometheus) {
        let file = self.daemon.dir().join("config.toml");
        let before = fs::read_to_string(&file).unwrap();
        self.daemon.stop();
        let observe = before.replace("mode = \"enforce\"", "mode = \"observe\"");
        assert_ne!(observe, before);
        fs::write(&file, observe).unwrap();
        self.daemon.start_again();
        self.fire(prometheus, &["InterlockLeftInObserve"]);
        self.daemon.stop();
        let empty = mounts::cgroup2().unwrap().join(format!("interlock-prometheus-{}", std::process::id()));
        fs::create_dir(&empty).unwrap();
        // Data of the earlier agents lingers, for whose sake everything would stay attached.
        fs::remove_file(self.daemon.dir().join("state/state.json")).unwrap();
        fs::write(&file, format!("cgroup = \"{}\"\n{before}", empty.display())).unwrap();
        self.daemon.start_again();
        // What the proof attached is detached again after a while; from then on there is nothing to attach to.
        wait::until("what only sessions need is at rest", || {
            let page = interlock_tests::prometheus::scrape(&self.address, "*/*");
            let active = |line: &&str| {
                line.starts_with("interlock_enforcement_active{action=\"hold\"") && line.ends_with(" 1")
            };
            page.lines().find(active).map_or(Ok(()), |line| Err(line.to_owned()))
        });
        // The links end one by one, and a session that begins meanwhile takes back those that are left.
        wait::throughout("they end", std::time::Duration::from_secs(5), || Ok::<(), ()>(()));
        fs::remove_dir(&empty).unwrap();
        let agent = self.agent("sleep 300");
        self.fire(
            prometheus,
            &["InterlockEnforcementUnproven", "InterlockEnforcementInactive", "InterlockEnforcementDegraded"],
        );
        drop(agent);
        self.daemon.stop();
        fs::write(&file, before).unwrap();
        self.daemon.start_again();
        self.resolve(
            prometheus,
            &[
                "InterlockLeftInObserve",
                "InterlockEnforcementUnproven",
                "InterlockEnforcementInactive",
                "InterlockRecordsLost",
            ],
        );
    }

    /// It is forgotten in the list of targets, and then all are.
    pub fn targets(&self, prometheus: &Prometheus, healthy: &str) {
        prometheus.scrapes(&[healthy]);
        self.fire(prometheus, &["InterlockGone"]);
        prometheus.scrapes(&[]);
        self.is(prometheus, "InterlockAbsent", None, "firing");
        prometheus.scrapes(&[healthy, &self.address]);
        self.resolve(prometheus, &["InterlockGone"]);
        self.is(prometheus, "InterlockAbsent", None, "resolved");
    }

    fn session_of(&self, user: u32) -> serde_json::Value {
        wait::until("a session of that user", || {
            let sessions = self.daemon.json(&["ps"]);
            let found = sessions.as_array().into_iter().flatten().find(|session| session["user"] == user);
            found.cloned().ok_or_else(|| (sessions.clone(), self.daemon.log()))
        })
    }

    /// Until no session is left.
    fn is_quiet(&self) {
        wait::until("no session is left", || match self.daemon.json(&["ps"]) {
            sessions if sessions.as_array().is_some_and(Vec::is_empty) => Ok(()),
            sessions => Err(sessions),
        });
    }
}
