//! What every evasion is played on, and what "stopped, and reported" means.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, Running, curl},
    backend::Backend,
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

/// Long enough for data to arrive that was let through.
pub const A_WHILE: Duration = Duration::from_millis(500);

/// What the credential contains: proof that a trick really read it.
pub const TOKEN: &str = "not-real";

/// The catalogue's entry for the credential.
pub const ENTRY: &str = "railway-cli";

/// Dropped from the top: the daemon thaws what it froze before the home goes.
pub struct Fixture {
    pub daemon: Daemon,
    pub server: Server,
    pub home: Home,
}

impl Fixture {
    /// A fixture with the default rules; `None` without root.
    pub fn new() -> Option<Self> {
        Self::with(|_| Settings::default())
    }

    /// A fixture on which whoever touched the secret is held at the server's port, whatever name the connection has.
    pub fn holding_port(port: u16) -> Option<Self> {
        Self::with(|_| Settings { rules: Some(hold_port(port)), ..Settings::default() })
    }

    /// A fixture whose daemon is set up for what is there already.
    pub fn with(settings: impl FnOnce(&Home) -> Settings) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (home, server) = (Home::new(), Server::start());
        fs::write(home.path().join("acts.py"), include_str!("acts.py")).unwrap();
        fs::write(home.path().join("uring.py"), include_str!("uring.py")).unwrap();
        let daemon = Daemon::start(&settings(&home));
        Some(Self { daemon, server, home })
    }

    /// The backend of opens: it tells what kind of kernel this is.
    pub fn backend(&self) -> Backend {
        self.daemon.backend("open")
    }

    pub fn run(&self, script: &str) -> Running {
        self.home.run(&self.daemon, script)
    }

    /// A request to an infrastructure host that ends by itself.
    pub fn request(&self) -> String {
        curl(&self.server, "-m 40")
    }

    /// Plays `trick`, which prints the secret, then the request: it must be held, and the read reported.
    pub fn is_held_after(&self, trick: &str) -> Running {
        self.is_held_after_reading(trick, ENTRY)
    }

    /// As [`Fixture::is_held_after`], of a secret of another entry.
    pub fn is_held_after_reading(&self, trick: &str, entry: &str) -> Running {
        let agent = self.run(&format!("{trick}\n{}; echo exit $?", self.request()));
        self.is_held(&agent);
        assert!(agent.output().contains(TOKEN), "the trick reads nothing: {}", agent.output());
        self.was_read(entry);
        agent
    }

    /// One hold waits, and nothing has arrived, nor does.
    pub fn is_held(&self, agent: &Running) -> String {
        let hold = wait::until("one hold waits", || match self.daemon.holds().as_slice() {
            [hold] => Ok(hold["id"].as_str().unwrap().to_owned()),
            other => {
                let (events, doctor) = (self.daemon.json(&["events"]), self.daemon.json(&["doctor"]));
                Err(format!("{other:?}\n{}\n{events}\n{doctor}", agent.output()))
            }
        });
        wait::throughout("held", A_WHILE, || self.server.silent());
        hold
    }

    /// The request arrives, and nothing waits.
    pub fn goes_on(&self, agent: &Running) {
        wait::until("the request arrives", || match self.server.seen().requests.len() {
            1 => Ok(()),
            _ => Err((agent.output(), self.daemon.json(&["events"]))),
        });
        wait::throughout("nothing waits", A_WHILE, || match self.daemon.holds() {
            none if none.is_empty() => Ok(()),
            holds => Err(holds),
        });
    }

    /// A foreign read of a secret of this entry was reported.
    pub fn was_read(&self, entry: &str) -> Value {
        self.reported("secret-read", |event| {
            event["interlock.secret.entry"] == entry && event["interlock.secret.foreign"] == true
        })
    }

    /// The first event of this action that is as `like` says, once there is one.
    pub fn reported(&self, action: &str, like: impl Fn(&Value) -> bool) -> Value {
        wait::until(action, || {
            let found = self.daemon.events(action).into_iter().find(&like);
            found.ok_or_else(|| self.daemon.json(&["events"]))
        })
    }

    /// Whether this kernel lets anybody do an act: those it does not know cannot be tried.
    pub fn anybody_can(&self, act: &str) -> bool {
        let mut person = self.home.run_unwatched(&format!("{}; echo exit $?", python(act)));
        let output = person.finish();
        let can = output.contains("exit 0");
        if !can {
            println!("{act}, by somebody without a label: {output}");
        }
        can
    }
}

/// The shell command that does an act of `acts.py`.
pub fn python(act: &str) -> String {
    format!("python3 ~/acts.py {act}")
}

/// A rule set that holds whatever goes to `port` once the secret was touched.
pub fn hold_port(port: u16) -> String {
    format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: hold-port\n    summary: A credential was read, and now data goes to a port.\n    \
         on: connect\n    match: {{ destination: {{ port: {port} }}, touched: {{ grade: A, foreign: true }} }}\n    \
         action: hold\n    timeout: {{ after: 60s, then: deny }}\n"
    )
}
