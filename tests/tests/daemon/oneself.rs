//! Could the agent have said yes to itself? Each way is really taken, by a real process that carries a label or by what such a one can
//! reach, against a real daemon. Each must leave what waits waiting and what is frozen frozen, and must have been recorded.

#[path = "oneself/inside.rs"]
mod inside;
#[path = "oneself/outside.rs"]
mod outside;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    process::Command,
};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, binary},
    factor::code,
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

use self::inside::Way;
use super::factors::TOKEN;

/// What every way can use.
const PRELUDE: &str = r#"
post() { curl -s -o /dev/null -X POST -d "${2:-}" -w '%{http_code}\n' --unix-socket "${3:-$SOCKET}" "http://x/v1/$1"; }
ask() { "$INTERLOCK" --socket "$SOCKET" "$@" < /dev/null > /dev/null 2>&1; echo code $?; }
act() { python3 ~/acts.py "$@"; }
says() { "$INTERLOCK" --socket "$SOCKET" "$@" 2>&1; echo code $?; }
text() { "$INTERLOCK" --socket "$SOCKET" approve "$HOLD" --statement > "$1"; }
token() { python3 ~/token.py "$@"; }
export APPROVE="holds/$HOLD/approve"
"#;

/// Ways that are under way at one time.
const AT_ONCE: usize = 16;

/// Dropped from the top.
struct Ground {
    /// One session waits under a hold, another one is frozen; somebody outside.
    programs: Vec<Running>,
    daemon: Daemon,
    server: Server,
    home: Home,
    hold: String,
    session: String,
    frozen: String,
}

impl Ground {
    fn new(settings: &Settings) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (daemon, home, server) = (Daemon::start(settings), Home::new(), Server::start());
        for open in [daemon.dir(), home.path(), &home.path().join("work")] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::write(home.path().join("acts.py"), include_str!("oneself/acts.py")).unwrap();
        let stands = home.run(&daemon, "sleep 600");
        let frozen =
            wait::until("a session", || daemon.json(&["ps"])[0]["id"].as_str().map(str::to_owned).ok_or(()));
        daemon.expect(&["freeze", &frozen]);
        let waits = home.run(&daemon, &format!("{READ_SECRET}; {}; sleep 600", curl(&server, "-m 600")));
        let hold = daemon.the_hold();
        let session = daemon.holds()[0]["session"].as_str().unwrap().to_owned();
        let programs = vec![waits, stands];
        Some(Self { programs, daemon, server, home, hold, session, frozen })
    }

    /// Somebody outside of every session who keeps connections to the control socket open.
    fn with_person(mut self) -> Self {
        let script = format!("{}\n{PRELUDE}act person", self.variables());
        let person = self.home.run_unwatched(&script);
        person.says("ready");
        self.programs.push(person);
        self
    }

    fn person(&self) -> String {
        let known = fs::read_to_string(self.home.path().join("person")).unwrap_or_default();
        if known.is_empty() { "1".to_owned() } else { known }
    }

    fn variables(&self) -> String {
        let evidence = self.daemon.holds()[0]["evidence"].as_str().unwrap().to_owned();
        format!(
            "export SOCKET={} HOLD={} SESSION={} FROZEN={} EVIDENCE={evidence} DAEMON={} PERSON={} INTERLOCK={}",
            self.daemon.socket().display(),
            self.hold,
            self.session,
            self.frozen,
            self.daemon.pid(),
            self.person(),
            binary().display(),
        )
    }

    /// What waits waits, what is frozen is frozen, and nothing is suspended, granted or gone. By one connection of root's, as this is
    /// asked after each way.
    fn stands_as_it_did(&self) -> Result<(), String> {
        let (holds, sessions, grants) =
            (self.get("holds?peek=true"), self.get("sessions"), self.get("grants"));
        let waits = holds.as_array().is_some_and(|holds| {
            holds.iter().any(|hold| hold["id"] == self.hold.as_str() && hold["state"] == "waiting")
        });
        let known = sessions.as_array().cloned().unwrap_or_default();
        let is_frozen = known
            .iter()
            .any(|session| session["id"] == self.frozen.as_str() && session["status"] == "frozen");
        let suspended = known.iter().any(|session| !session["suspended"].is_null());
        let arrived = self.server.seen().requests.len();
        let as_it_did =
            waits && is_frozen && !suspended && grants == Value::Array(Vec::new()) && arrived == 0;
        as_it_did
            .then_some(())
            .ok_or_else(|| format!("{holds}\n{sessions}\n{grants}\n{arrived} requests arrived"))
    }

    fn get(&self, path: &str) -> Value {
        let mut connection = UnixStream::connect(self.daemon.socket()).unwrap();
        let request = format!("GET /v1/{path} HTTP/1.0\r\nHost: x\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer}"));
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }

    /// How often requests were refused, and factors looked at, as the metrics count it: by request, by result.
    fn counted(&self) -> u64 {
        let lines = self.daemon.metrics();
        let counts = lines.lines().filter(|line| {
            line.starts_with("interlock_requests_refused_total{")
                || line.starts_with("interlock_factor_checks_total{")
                    && !line.contains("\"totp\"")
                    && !line.contains("\"key\"")
        });
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    }

    /// Each of these sessions, by the numbers of their roots, asked to control Interlock, as its event says.
    fn are_told(&self, refused: &[(&Way, String)]) {
        wait::until("each is told", || match self.untold(refused) {
            none if none.is_empty() => Ok(()),
            some => Err((some, self.daemon.events("tamper"))),
        });
        refused.iter().for_each(|(way, _)| println!("refused and told: {}", way.name));
    }

    fn untold(&self, refused: &[(&Way, String)]) -> Vec<&'static str> {
        let told: Vec<String> = self
            .daemon
            .events("tamper")
            .iter()
            .filter(|event| event["interlock.tamper.requests"].as_u64() >= Some(1))
            .filter_map(|event| {
                event["interlock.session.id"].as_str()?.split_once('-').map(|(root, _)| root.to_owned())
            })
            .collect();
        refused.iter().filter(|(_, root)| !told.contains(root)).map(|(way, _)| way.name).collect()
    }
}

/// Waits until a way has said that it was refused; returns the number of its session's root.
fn root_of_refused(way: &Way, agent: &Running) -> String {
    wait::until(way.name, || {
        let output = agent.output();
        let said = output.split_once("root ").and_then(|(_, said)| said.split_once('\n'));
        let root = said.filter(|(_, said)| said.contains(way.says)).map(|(root, _)| root.to_owned());
        root.ok_or(output)
    })
}

#[test]
fn from_inside_a_session_nobody_says_yes_to_oneself() {
    let settings = Settings { more: "pause = \"15m\"\n".into(), ..Settings::default() };
    let Some(ground) = Ground::new(&settings).map(Ground::with_person) else { return };
    let script = |way: &Way| format!("echo root $$\n{}\n{PRELUDE}{}", ground.variables(), way.tries);
    for ways in inside::WAYS.chunks(AT_ONCE) {
        let agents: Vec<(&Way, Running)> =
            ways.iter().map(|way| (way, ground.home.run(&ground.daemon, &script(way)))).collect();
        let refused: Vec<(&Way, String)> =
            agents.iter().map(|(way, agent)| (*way, root_of_refused(way, agent))).collect();
        ground.are_told(&refused);
        ground.stands_as_it_did().unwrap_or_else(|seen| {
            panic!("one of {:?}: {seen}", ways.iter().map(|way| way.name).collect::<Vec<_>>())
        });
    }
    for way in inside::BEGUN_OUTSIDE {
        let begun = format!(
            "{}\n{PRELUDE}act {} $INTERLOCK --socket $SOCKET run -- bash -c 'echo root $$; python3 ~/acts.py on_nine'",
            ground.variables(),
            way.tries
        );
        let agent = ground.home.run_unwatched(&begun);
        let root = root_of_refused(way, &agent);
        ground.are_told(&[(way, root)]);
        ground.stands_as_it_did().unwrap_or_else(|seen| panic!("{}: {seen}", way.name));
    }
    for way in inside::BY_THE_DEAD {
        let before = ground.counted();
        let agent = ground.home.run(&ground.daemon, &script(way));
        let root = root_of_refused(way, &agent);
        // Where it was quick enough to be looked at while it lived, its label tells.
        wait::until(way.name, || {
            let is_told = ground.counted() > before || ground.untold(&[(way, root.clone())]).is_empty();
            is_told.then_some(()).ok_or_else(|| ground.daemon.json(&["events"]))
        });
        println!("refused and told: {}", way.name);
        ground.stands_as_it_did().unwrap_or_else(|seen| panic!("{}: {seen}", way.name));
    }
    let all = inside::WAYS.len() + inside::BEGUN_OUTSIDE.len() + inside::BY_THE_DEAD.len();
    println!("{all} ways from inside");
    ground.server.silent().unwrap();
}

/// The secret of the person's device.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A tmux server that was there before.
struct Older(String);

impl Older {
    fn start(ground: &Ground) -> Self {
        let name = format!("older-{}", ground.daemon.pid());
        let begun = ground
            .tmux(&name, &["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "bash --norc"]);
        assert!(begun, "tmux does not start");
        Self(name)
    }
}

impl Drop for Older {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).status();
    }
}

impl Ground {
    fn tmux(&self, name: &str, args: &[&str]) -> bool {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", name]).args(args).env("HOME", self.home.path());
        tmux.status().is_ok_and(|status| status.success())
    }

    /// The person has enrolled a device and a key, decided once by each, and frozen again what was thawed.
    fn decides_by_factors(&self) -> String {
        let home = self.home.path();
        fs::write(home.join("token.py"), TOKEN).unwrap();
        let key = super::factors::token(&make(&home.join("key")), &["public"]);
        make(&home.join("stranger"));
        let factors = make(&self.daemon.dir().join("state/factors"));
        let enrolled = serde_json::json!({
            "version": 1, "user": 0, "next": 3, "attempts": { "wrong": [], "locked": null }, "used": [],
            "devices": [{ "id": "f1", "enrolled": "2026-01-01T00:00:00Z", "secret": SECRET, "last_step": 0, "drift": 0 }],
            "keys": [{ "id": "f2", "enrolled": "2026-01-01T00:00:00Z", "public": key, "verify_required": false, "counter": 0 }],
        });
        fs::write(factors.join("0.json"), enrolled.to_string()).unwrap();
        fs::set_permissions(factors.join("0.json"), fs::Permissions::from_mode(0o600)).unwrap();
        let (used, server) = (code(SECRET, 0), Server::start());
        let other = self.home.run(&self.daemon, &format!("{READ_SECRET}; {}", curl(&server, "-m 60")));
        let decides = format!(
            "{}\n{PRELUDE}cd ~; until [ \"$other\" ]; do other=$($INTERLOCK --socket $SOCKET holds --output json | \
             python3 -c 'import json, sys; print(*(h[\"id\"] for h in json.load(sys.stdin) if h[\"id\"] != \"'$HOLD'\"))'); done
             echo {used} | says approve $other --code
             $INTERLOCK --socket $SOCKET thaw $FROZEN --statement > signed; token ~/key sign 1 5 signed
             says thaw $FROZEN --signature signed.sig; says freeze $FROZEN; echo over",
            self.variables()
        );
        let person = self.home.run_unwatched(&decides);
        person.says("over");
        assert_eq!(person.output().matches("code 0").count(), 3, "{}", person.output());
        server.arrives(1);
        drop(other);
        wait::until("only what waits and what is frozen is left", || self.stands_as_it_did());
        used
    }
}

fn make(dir: &std::path::Path) -> std::path::PathBuf {
    fs::create_dir_all(dir).unwrap();
    dir.to_owned()
}

#[test]
fn what_a_session_has_done_outside_decides_nothing_without_a_factor_or_a_role() {
    let roles = "viewer = [12001]\napprover = [12002, { who = 12004, up_to = \"medium\" }]\nadmin = [12003]";
    let settings = Settings { more: format!("pause = \"15m\"\n[roles]\n{roles}\n"), ..Settings::default() };
    let Some(ground) = Ground::new(&settings).map(Ground::with_person) else { return };
    let home = ground.home.path();
    let used = ground.decides_by_factors();
    let older = Older::start(&ground);
    let (wishes, jobs) = (make(&home.join("wishes")), make(&home.join("jobs")));
    // Outside; the session has it run whatever it likes.
    let _helper = ground.home.run_unwatched(
        "cd ~/jobs; while sleep 0.03; do for job in *.sh; do [ -e $job ] && { bash $job > $job.out 2>&1; mv $job $job.done; }; done; done",
    );
    let typed = format!(
        "tmux -L {} send-keys \"bash ~/typed/$(basename $wish) > ~/jobs/$(basename $wish).out 2>&1\" Enter",
        older.0
    );
    let _agent = ground.home.run(
        &ground.daemon,
        &format!("while sleep 0.03; do mv ~/wishes/*.sh ~/jobs/ 2> /dev/null; \
                  for wish in ~/wishes/*.typed; do [ -e $wish ] && {{ mv $wish ~/typed/; {typed}; }}; done; done"),
    );
    make(&home.join("typed"));
    let variables = format!("{} CODE={used} OLD={}", ground.variables(), code(SECRET, -10));
    for (number, way) in outside::WAYS.iter().enumerate() {
        let before = ground.counted();
        let begin = match way.by {
            outside::By::User(uid) => {
                format!(
                    "[ $UID = {uid} ] || exec setpriv --reuid {uid} --regid {uid} --clear-groups bash $0\n"
                )
            }
            outside::By::Helper | outside::By::Typed => String::new(),
        };
        let script = format!("{begin}export HOME={}\n{variables}\n{PRELUDE}{}\n", home.display(), way.tries);
        let kind = if way.by == outside::By::Typed { "typed" } else { "sh" };
        fs::write(home.join(format!("wish-{number}")), script).unwrap();
        fs::rename(home.join(format!("wish-{number}")), wishes.join(format!("{number}.{kind}"))).unwrap();
        let answer = jobs.join(format!("{number}.{kind}.out"));
        wait::until(way.name, || {
            let said = fs::read_to_string(&answer).unwrap_or_default();
            if said.contains(way.says) { Ok(()) } else { Err(said) }
        });
        wait::until(way.name, || if ground.counted() > before { Ok(()) } else { Err(before) });
        ground.stands_as_it_did().unwrap_or_else(|seen| panic!("{}: {seen}", way.name));
        println!("refused and counted: {}", way.name);
    }
    for told in ["factor-refused", "attempt-refused"] {
        assert!(!ground.daemon.events(told).is_empty(), "{told}");
    }
    println!("{} ways by what is outside", outside::WAYS.len());
    fs::remove_file(ground.daemon.dir().join("state/factors/0.json")).unwrap(); // what is frozen is thawed at the end
}
