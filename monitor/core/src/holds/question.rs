//! What a hold is about, for people and for grants.

use serde::{Deserialize, Serialize};

use super::extent::Scope;
use crate::{facts::Destination, words::Word as _};

/// `NAME:PORT (ADDRESS)`, or `ADDRESS:PORT` where there is no name.
#[must_use]
pub fn target(destination: &Destination) -> String {
    let Destination { address, port, name, .. } = destination;
    match name {
        Some(name) => format!("{name}:{port} ({address})"),
        None => std::net::SocketAddr::new(*address, *port).to_string(),
    }
}

/// What a hold is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    Connection(Destination),
    /// A secret that is about to be opened, by its path.
    Secret(String),
    /// A program that is about to be executed, by its path.
    Program(String),
    /// A service outside of the tree that is about to be asked, as `NAME (PATH)`.
    Service(String),
}

impl Object {
    /// `backboard.railway.app:443 (66.33.22.1)`, `open /home/x/.pgpass`, `execute /usr/bin/psql`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Connection(destination) => target(destination),
            Self::Secret(path) => format!("open {path}"),
            Self::Program(path) => format!("execute {path}"),
            Self::Service(service) => format!("ask {service}"),
        }
    }
}

/// What a grant and a hold are about: the name where there is one, because addresses change between connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub session: u64,
    about: String,
}

impl Question {
    pub fn new(session: u64, object: &Object) -> Self {
        let about = match object {
            Object::Connection(Destination { address, port, name, .. }) => match name {
                Some(name) => format!("connect {name}:{port}"),
                None => format!("connect {}", std::net::SocketAddr::new(*address, *port)),
            },
            other => other.text(),
        };
        Self { session, about }
    }

    /// What is asked, or all of its provider or class; `None` where it has none.
    pub fn within(session: u64, object: &Object, scope: Scope) -> Option<Self> {
        let about = match (scope, object) {
            (Scope::Object, _) => return Some(Self::new(session, object)),
            (Scope::Provider, Object::Connection(to)) => format!("provider {}", to.provider.as_ref()?),
            (Scope::Class, Object::Connection(to)) => format!("class {}", to.class.word()),
            _ => return None,
        };
        Some(Self { session, about })
    }

    pub fn about(&self) -> &str {
        &self.about
    }
}
