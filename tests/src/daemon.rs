//! A daemon of the test's own.

use std::{
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{schema, wait};

/// What differs from the defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Rules file; the built-in rules where there is none.
    pub rules: Option<String>,
    /// Enforcement outlives the daemon.
    pub pinned: bool,
    pub observe: bool,
    /// With a directory for catalogues, empty at first: `catalog` in [`Daemon::dir`].
    pub catalog: bool,
    /// The key `shared_terminal`; "allow" where nothing is said, as whoever runs the tests has one terminal for all.
    pub shared_terminal: Option<&'static str>,
    /// Nobody is there to answer what is held.
    pub unattended: bool,
    /// The package managers of this machine are asked, which takes half a second of a processor.
    pub asks_package_managers: bool,
    /// Root of what the daemon's cgroup programs see; the machine's where there is none.
    pub cgroup: Option<PathBuf>,
    /// Another program than the built one, to begin with.
    pub program: Option<PathBuf>,
    /// The key `metrics`; a free port of loopback where nothing is said.
    pub metrics: Option<String>,
    /// Its state lies on a file system of its own that has so much room, as mount(8) reads it.
    pub state_room: Option<&'static str>,
    /// Further lines of its configuration, as they stand in the file: keys, then tables.
    pub more: String,
    /// Variables that it starts with.
    pub env: Vec<(&'static str, String)>,
}

/// A running daemon. Dropping it ends it, and everything that it enforces.
pub struct Daemon {
    dir: TempDir,
    pins: Option<PathBuf>,
    /// Its state is a mount of its own.
    mounted: bool,
    env: Vec<(&'static str, String)>,
    child: Child,
}

/// The built binary: beside the test's own build.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in PROFILE/deps");
    let binary = profile.join("interlock");
    assert!(binary.exists(), "{} is missing: run `cargo build` first", binary.display());
    binary
}

impl Daemon {
    #[must_use]
    pub fn start(settings: &Settings) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = TempDir::with_prefix("interlock-test-").expect("a temporary directory");
        // Other users ask, too.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("it is the test's own");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pins = settings
            .pinned
            .then(|| PathBuf::from(format!("/sys/fs/bpf/interlock-test-{}-{number}", std::process::id())));
        let rules = match &settings.rules {
            None => "builtin".to_owned(),
            Some(text) => {
                fs::create_dir(dir.path().join("rules")).expect("a fresh directory");
                fs::write(dir.path().join("rules/test.yaml"), text).expect("a fresh file");
                dir.path().join("rules").display().to_string()
            }
        };
        let config = format!(
            "socket = \"{0}/control.sock\"\npolicy = \"{0}/policy\"\nstate = \"{0}/state\"\nrules = \"{rules}\"\npins = \"{1}\"\n\
             metrics = \"{7}\"\nunattended = \"{4}\"\nmode = \"{2}\"\nwatch_below = {3}\n\
             shared_terminal = \"{5}\"\npackage_managers = \"{6}\"\n",
            dir.path().display(),
            pins.as_ref().map_or("none".into(), |pins| pins.display().to_string()),
            if settings.observe { "observe" } else { "enforce" },
            std::process::id(),
            if settings.unattended { "always" } else { "never" },
            settings.shared_terminal.unwrap_or("allow"),
            if settings.asks_package_managers { "ask" } else { "never" },
            settings.metrics.as_deref().unwrap_or("127.0.0.1:0"),
        );
        let catalog = if settings.catalog {
            fs::create_dir(dir.path().join("catalog")).expect("a fresh directory");
            format!("catalog = \"{}/catalog\"\n", dir.path().display())
        } else {
            String::new()
        };
        let cgroup: String =
            settings.cgroup.iter().map(|path| format!("cgroup = \"{}\"\n", path.display())).collect();
        if let Some(room) = settings.state_room {
            let state = dir.path().join("state");
            fs::create_dir(&state).expect("a fresh directory");
            let options = format!("size={room},mode=700");
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &options, "interlock-test"]).arg(&state);
            assert!(mount.status().expect("mount is there").success());
        }
        // What a test adds comes last: it may end with tables.
        fs::write(dir.path().join("config.toml"), config + &catalog + &cgroup + &settings.more)
            .expect("a fresh file");
        let env = settings.env.clone();
        let program = settings.program.clone().unwrap_or_else(binary);
        let child = spawn(&program, dir.path(), &env);
        let daemon = Self { dir, pins, mounted: settings.state_room.is_some(), env, child };
        daemon.wait_ready();
        daemon
    }

    fn wait_ready(&self) {
        wait::until("the daemon answers", || {
            let output = self.cli(&["status"]);
            if output.status.success() { Ok(()) } else { Err((text(&output), self.log())) }
        });
    }

    /// Ends it without a chance to clean up.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// Ends it as systemd does.
    pub fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// Starts the built program, on the same state and pins.
    pub fn start_again(&mut self) {
        self.child = spawn(&binary(), self.dir.path(), &self.env);
        self.wait_ready();
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    #[must_use]
    pub fn pins(&self) -> Option<&Path> {
        self.pins.as_deref()
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended by itself, if it has.
    #[must_use]
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Runs a verb against it.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.arg("--socket").arg(self.socket()).args(args).output().expect("the binary starts")
    }

    /// Runs a verb against it as a user, with this on its standard input.
    #[must_use]
    pub fn cli_as(&self, uid: u32, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(binary());
        command.arg("--socket").arg(self.socket()).args(args).uid(uid).gid(uid);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it was asked for");
        let _ = stdin.write_all(input.as_bytes()); // one that reads nothing has ended
        drop(stdin);
        child.wait_with_output().expect("it was ours")
    }

    /// What its control socket answers a user: the status, and the body.
    #[must_use]
    pub fn asked(&self, uid: u32, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-X", method, "-d", body, "-w", "\n%{http_code}", "--unix-socket"])
            .arg(self.socket());
        let output = curl.arg(format!("http://x/v1/{path}")).uid(uid).gid(uid).output().expect("curl starts");
        let output = text(&output);
        let (body, status) = output.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("{output}"));
        (status.parse().expect("a status"), body.to_owned())
    }

    /// Records of its ledger so far, of this kind.
    #[must_use]
    pub fn records(&self, kind: &str) -> Vec<Value> {
        let path = self.dir().join("state/ledger.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let record = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        text.lines().map(record).filter(|record| record["kind"] == kind).collect()
    }

    /// Its metrics, as they are scraped.
    #[must_use]
    pub fn metrics(&self) -> String {
        let status = self.json(&["status"]);
        let address = status["metrics"].as_str().unwrap_or_else(|| panic!("it exports none: {status}"));
        let page = Command::new("curl").args(["-s", &format!("http://{address}/metrics")]).output();
        text(&page.expect("curl starts"))
    }

    /// Runs a reading verb and parses its JSON; of events, which are one object a line, all as an array.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        let is_lines = args.first() == Some(&"events");
        let more: &[&str] = if is_lines { &["--limit", "20000"] } else { &[] };
        let output = self.cli(&[args, more, &["--output", "json"]].concat());
        if is_lines {
            let lines = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
            let events: Result<Vec<Value>, _> = lines.collect();
            let events = events.unwrap_or_else(|error| panic!("{args:?}: {error}: {}", text(&output))).into();
            schema::check(args, &events);
            return events;
        }
        let printed = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {}", text(&output)));
        schema::check(args, &printed);
        printed
    }

    /// Holds that wait.
    #[must_use]
    pub fn holds(&self) -> Vec<Value> {
        self.json(&["holds"]).as_array().cloned().unwrap_or_default()
    }

    /// The id of the only hold, once there is one.
    #[must_use]
    pub fn the_hold(&self) -> String {
        wait::until("one hold waits", || match self.holds().as_slice() {
            [hold] => Ok(hold["id"].as_str().expect("an id").to_owned()),
            other => Err((other.to_vec(), self.json(&["events"]))),
        })
    }

    /// Events so far of this `event.action`.
    #[must_use]
    pub fn events(&self, action: &str) -> Vec<Value> {
        let events = self.json(&["events"]);
        let events = events.as_array().cloned().unwrap_or_default();
        events.into_iter().filter(|event| event["event.action"] == action).collect()
    }

    /// The first event of this action, once there is one.
    #[must_use]
    pub fn the_event(&self, action: &str) -> Value {
        wait::until(action, || self.events(action).into_iter().next().ok_or_else(|| self.json(&["events"])))
    }

    /// # Panics
    /// The verb fails.
    pub fn expect(&self, args: &[&str]) {
        let output = self.cli(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // What a test froze must be able to end.
        // One that does not answer froze nothing, and a second panic would end all tests.
        let answer = self.cli(&["ps", "--output", "json"]);
        let sessions: Vec<Value> = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        for session in sessions {
            if session["status"] == "frozen" {
                let _ = self.cli(&["thaw", session["id"].as_str().unwrap_or_default()]);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.mounted {
            let _ = Command::new("umount").arg(self.dir.path().join("state")).status();
        }
        if self.pins.is_some() {
            let _ = Command::new(binary())
                .arg("--config")
                .arg(self.dir.path().join("config.toml"))
                .args(["daemon", "--release", "--with-holds"])
                .status();
        }
    }
}

fn spawn(program: &Path, dir: &Path, env: &[(&'static str, String)]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log file");
    Command::new(program)
        .args(["--config"])
        .arg(dir.join("config.toml"))
        .arg("daemon")
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the binary starts")
}

/// Both streams of a finished command.
#[must_use]
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
