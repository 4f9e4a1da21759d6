//! A desktop of the test's own: a private session bus, and a notification server that shows nothing and remembers everything.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use futures_util::StreamExt as _;
use zbus::{Connection, Message, MessageStream, Variant, connection::Builder};

use crate::wait;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// `dbus-daemon`, for this test alone.
pub struct Bus {
    daemon: Child,
    pub address: String,
}

impl Bus {
    /// `None` where `dbus-daemon` (Debian: `dbus-daemon`) is not installed, which is said.
    #[must_use]
    pub fn start() -> Option<Self> {
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = started else {
            eprintln!("skipped: dbus-daemon is not installed");
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().expect("a pipe")).read_line(&mut address).expect("an address");
        Some(Self { daemon, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill(); // it has ended
        let _ = self.daemon.wait();
    }
}

/// A notification as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub number: u32,
    pub replaces: u32,
    pub summary: String,
    pub body: String,
    /// Keys and labels, in turn.
    pub actions: Vec<String>,
    pub urgency: u8,
    pub expires: i32,
}

impl Shown {
    /// The key of the button that says `label`.
    #[must_use]
    pub fn key(&self, label: &str) -> Option<String> {
        let mut pairs = self.actions.chunks_exact(2);
        pairs.find(|pair| pair[1] == label).map(|pair| pair[0].clone())
    }
}

#[derive(Default)]
struct Seen {
    shown: Vec<Shown>,
    closed: Vec<u32>,
}

/// The server.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    seen: Arc<Mutex<Seen>>,
    helper: Arc<Mutex<Option<String>>>,
}

impl Server {
    #[must_use]
    pub fn start(bus: &Bus, abilities: &'static [&'static str]) -> Self {
        let runtime = runtime();
        let (seen, helper) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Mutex::new(None)));
        let connection = runtime.block_on(async {
            let connection = connect(bus).await;
            let messages = MessageStream::from(&connection);
            tokio::spawn(serve(
                connection.clone(),
                messages,
                abilities,
                Arc::clone(&seen),
                Arc::clone(&helper),
            ));
            connection.request_name(NAME).await.expect("nobody else has it");
            connection
        });
        Self { runtime, connection, seen, helper }
    }

    /// Notifications that stand.
    #[must_use]
    pub fn stands(&self) -> Vec<Shown> {
        let seen = self.seen.lock().expect("nobody panics");
        let mut stands: Vec<Shown> = Vec::new();
        for shown in seen.shown.iter().filter(|shown| !seen.closed.contains(&shown.number)) {
            stands.retain(|before| before.number != shown.number);
            stands.push(shown.clone());
        }
        stands
    }

    /// The one that stands, once there is one whose summary says `text`.
    #[must_use]
    pub fn shows(&self, text: &str) -> Shown {
        wait::until(text, || {
            let stands = self.stands();
            stands.iter().find(|shown| shown.summary.contains(text)).cloned().ok_or(stands)
        })
    }

    /// The person clicks.
    pub fn clicks(&self, number: u32, key: &str) {
        self.signal(&self.connection, "ActionInvoked", &(number, key));
    }

    /// A notification goes, for the specification's reason.
    pub fn closes(&self, number: u32, reason: u32) {
        self.seen.lock().expect("nobody panics").closed.push(number);
        self.signal(&self.connection, "NotificationClosed", &(number, reason));
    }

    /// Another program on the bus says that the person clicked: to everybody, and to the helper itself.
    pub fn is_feigned(&self, bus: &Bus, number: u32, key: &str) {
        let stranger = self.runtime.block_on(connect(bus));
        self.signal(&stranger, "ActionInvoked", &(number, key));
        let helper = self.helper.lock().expect("nobody panics").clone();
        self.runtime.block_on(async {
            let to = helper.as_deref();
            stranger
                .emit_signal(to, PATH, NAME, "ActionInvoked", &(number, key))
                .await
                .expect("the bus takes it");
        });
    }

    fn signal<B: serde::Serialize + zbus::DynamicType>(&self, from: &Connection, name: &str, body: &B) {
        let sent = from.emit_signal(None::<&str>, PATH, NAME, name, body);
        self.runtime.block_on(sent).expect("the bus takes it");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

async fn connect(bus: &Bus) -> Connection {
    Builder::address(bus.address.as_str()).build().await.expect("the bus answers")
}

async fn serve(
    connection: Connection,
    mut messages: MessageStream,
    abilities: &'static [&'static str],
    seen: Arc<Mutex<Seen>>,
    helper: Arc<Mutex<Option<String>>>,
) {
    while let Some(Ok(message)) = messages.next().await {
        let header = message.header();
        let Some(member) = header.member().map(|member| member.as_str().to_owned()) else { continue };
        let sent = match member.as_str() {
            "GetCapabilities" => connection.reply(&header, &abilities.to_vec()).await,
            "Notify" => {
                *helper.lock().expect("nobody panics") = header.sender().map(ToString::to_string);
                let number = remember(&message, &mut seen.lock().expect("nobody panics"));
                connection.reply(&header, &number).await
            }
            "CloseNotification" => {
                let number: u32 = message.body().deserialize().expect("a number");
                seen.lock().expect("nobody panics").closed.push(number);
                connection.reply(&header, &()).await
            }
            _ => continue,
        };
        let _ = sent; // who asked has gone
    }
}

type Asked<'a> = (
    &'a str,
    u32,
    &'a str,
    &'a str,
    &'a str,
    Vec<&'a str>,
    std::collections::HashMap<&'a str, Variant<'a>>,
    i32,
);

fn remember(message: &Message, seen: &mut Seen) -> u32 {
    let body = message.body();
    let (_, replaces, _, summary, text, actions, hints, expires): Asked<'_> =
        body.deserialize().expect("as the specification has it");
    let next = u32::try_from(seen.shown.len()).expect("few") + 1;
    let number = if replaces == 0 { next } else { replaces };
    seen.shown.push(Shown {
        number,
        replaces,
        summary: summary.to_owned(),
        body: text.to_owned(),
        actions: actions.into_iter().map(str::to_owned).collect(),
        urgency: hints.get("urgency").and_then(|urgency| u8::try_from(urgency).ok()).unwrap_or(0),
        expires,
    });
    number
}
