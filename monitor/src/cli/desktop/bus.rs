//! The desktop's notification server, over the session bus.
//!
//! It is spoken to by its unique name: a signal counts only from the connection that was asked to show the notification, whoever
//! owns the well-known name by then.

use std::{collections::HashMap, num::NonZeroUsize};

use futures_util::StreamExt as _;
use rand_core::{OsRng, RngCore as _};
use zbus::{Connection, MatchRule, Message, MessageStream, Variant, message::Type, names::OwnedUniqueName};

use super::note::{Abilities, Answer, Note};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const BUS: &str = "org.freedesktop.DBus";
/// Signals that wait to be read.
const QUEUE: usize = 64;

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    Invoked { number: u32, key: String },
    Closed { number: u32, reason: u32 },
}

pub struct Desktop {
    connection: Connection,
    /// The connection that owned the server's name when this began.
    server: OwnedUniqueName,
    pub can: Abilities,
}

impl Desktop {
    /// The server that runs, or the one that the bus starts.
    ///
    /// # Errors
    /// There is no session bus, or nobody who shows notifications.
    pub async fn connect() -> zbus::Result<(Self, MessageStream)> {
        let connection = Connection::session().await?;
        let server = match owner(&connection).await {
            Ok(owner) => owner,
            Err(_) => {
                ask_bus(&connection, "StartServiceByName", &(NAME, 0_u32)).await?;
                owner(&connection).await?
            }
        };
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(server.clone())
            .interface(NAME)
            .path(PATH)
            .build()?;
        let signals = MessageStream::for_match_rule(rule, &connection, NonZeroUsize::new(QUEUE)).await?;
        let mut desktop = Self { connection, server, can: Abilities::default() };
        let abilities: Vec<String> = desktop.call("GetCapabilities", &()).await?.body().deserialize()?;
        let has = |ability: &str| abilities.iter().any(|known| known == ability);
        desktop.can = Abilities { actions: has("actions"), markup: has("body-markup"), body: has("body") };
        Ok((desktop, signals))
    }

    /// Whether the server is still the one that this speaks to.
    pub async fn is_there(&self) -> bool {
        owner(&self.connection).await.is_ok_and(|owner| owner == self.server)
    }

    /// The server's process, as the bus was told by the kernel.
    ///
    /// # Errors
    /// It has left the bus.
    pub async fn pid(&self) -> zbus::Result<u32> {
        let asked = ask_bus(&self.connection, "GetConnectionUnixProcessID", &self.server.as_str()).await?;
        asked.body().deserialize()
    }

    /// Shows a note in the place of `replaces` (0: a new one); returns its number, and the key of each answer.
    ///
    /// # Errors
    /// The server has gone, or refuses.
    pub async fn show(&self, note: &Note, replaces: u32) -> zbus::Result<(u32, Vec<(String, Answer)>)> {
        let keys: Vec<(String, Answer)> = note.answers.iter().map(|answer| (key(), *answer)).collect();
        let actions: Vec<&str> =
            keys.iter().flat_map(|(key, answer)| [key.as_str(), answer.label()]).collect();
        let urgency: u8 = if note.critical { 2 } else { 1 };
        let mut hints: HashMap<&str, Variant<'_>> = HashMap::from([("urgency", Variant::from(urgency))]);
        if note.critical {
            hints.insert("resident", Variant::from(true)); // it stays when an answer was chosen
        }
        let expires: i32 = if note.critical { 0 } else { -1 };
        let asked =
            ("Interlock", replaces, "security-high", &note.summary, &note.body, actions, hints, expires);
        let number = self.call("Notify", &asked).await?.body().deserialize()?;
        Ok((number, keys))
    }

    /// Takes a notification away, if it still stands.
    pub async fn close(&self, number: u32) {
        let _ = self.call("CloseNotification", &number).await; // the person was faster
    }

    /// What a message of the server says; `None` for any other.
    pub fn signal(&self, message: &Message) -> Option<Signal> {
        let header = message.header();
        // The bus stamps the sender; a match rule alone also lets in what is addressed to this connection.
        if header.sender() != Some(self.server.inner()) || header.interface().is_none_or(|name| name != NAME)
        {
            return None;
        }
        match header.member()?.as_str() {
            "ActionInvoked" => {
                let (number, key) = message.body().deserialize().ok()?;
                Some(Signal::Invoked { number, key })
            }
            "NotificationClosed" => {
                let (number, reason) = message.body().deserialize().ok()?;
                Some(Signal::Closed { number, reason })
            }
            _ => None,
        }
    }

    async fn call<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.connection.call_method(Some(self.server.as_str()), PATH, Some(NAME), method, body).await
    }
}

/// The connection that shows notifications.
async fn owner(connection: &Connection) -> zbus::Result<OwnedUniqueName> {
    let owner: String = ask_bus(connection, "GetNameOwner", &NAME).await?.body().deserialize()?;
    OwnedUniqueName::try_from(owner)
}

/// Asks the bus itself, whose name nobody else can own.
async fn ask_bus<B>(connection: &Connection, method: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    connection.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), method, body).await
}

/// The next message; `None` when the bus is gone.
pub async fn next(signals: &mut MessageStream) -> Option<Message> {
    loop {
        match signals.next().await? {
            Ok(message) => return Some(message),
            Err(zbus::Error::InputOutput(_)) => return None,
            Err(_) => {}
        }
    }
}

/// Of one answer in one notification.
fn key() -> String {
    format!("{:016x}", OsRng.next_u64())
}
