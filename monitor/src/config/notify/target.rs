//! One target of the notifier.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{address::Address, credential::Credential, quiet::Quiet};
use interlock_core::{facts::Severity, words::Word};
use interlock_host::regular;

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any HTTP server, by a JSON body that may be signed.
    Webhook,
    Ntfy,
    Slack,
    Matrix,
    Telegram,
}

impl Word for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("webhook", Self::Webhook),
        ("ntfy", Self::Ntfy),
        ("slack", Self::Slack),
        ("matrix", Self::Matrix),
        ("telegram", Self::Telegram),
    ];
}

/// What a message is about; what `events` of a target lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Something waits for a person.
    Hold,
    /// What waited was decided, or is gone.
    Decided,
    Freeze,
    Thaw,
    Kill,
    /// A rule spoke, and nothing waits.
    Alert,
    /// What observe mode would have held or stopped.
    Would,
    BreakGlass,
    /// Interlock itself: a ledger that fails, a hook that is not proven, an agent that runs unwatched.
    Health,
}

impl Class {
    /// What a person must answer or know. Alerts and what only would have been are many, and asked for by name.
    pub const DEFAULT: [Self; 7] =
        [Self::Hold, Self::Decided, Self::Freeze, Self::Thaw, Self::Kill, Self::BreakGlass, Self::Health];
}

impl Word for Class {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("hold", Self::Hold),
        ("decided", Self::Decided),
        ("freeze", Self::Freeze),
        ("thaw", Self::Thaw),
        ("kill", Self::Kill),
        ("alert", Self::Alert),
        ("would", Self::Would),
        ("break-glass", Self::BreakGlass),
        ("health", Self::Health),
    ];
}

/// A value that stands in the configuration, or in a file of root's because it lets whoever knows it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Text(String),
    File(PathBuf),
}

impl Given {
    /// The file, where it stands in one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) => None,
        }
    }
}

/// Whom to tell, where and what; checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Lower-case letters, digits and dashes; unique.
    pub name: String,
    pub kind: Kind,
    pub url: Given,
    /// A topic of ntfy's, a channel of Slack's, a room of Matrix's, a chat of Telegram's.
    pub place: Option<Given>,
    /// File of the token that the service asks for.
    pub token: Option<PathBuf>,
    /// File of the key that a webhook's body is signed with.
    pub secret: Option<PathBuf>,
    pub events: Vec<Class>,
    /// What is less severe is not told.
    pub severity: Severity,
    /// Owners of sessions, by uid; all where the list is empty.
    pub users: Vec<u32>,
    /// Ids of rules; all where the list is empty.
    pub rules: Vec<String>,
    /// When only [`Target::quiet_except`] is told at once.
    pub quiet: Option<Quiet>,
    /// Holds of this severity or more are told in quiet hours too; `None`: none are.
    pub quiet_except: Option<Severity>,
    /// How long a hold may wait before [`Target::to`] is told as well.
    pub escalate_after: Option<Duration>,
    /// Name of the next target.
    pub to: Option<String>,
    /// HTTP without TLS is meant.
    pub insecure: bool,
    /// PEM file of the authorities that sign the server's certificate, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Target {
    /// The files of credentials that it names, each with its key.
    pub fn credential_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [
            ("url_file", self.url.file()),
            ("topic_file", self.place.as_ref().and_then(Given::file)),
            ("token_file", self.token.as_deref()),
            ("secret_file", self.secret.as_deref()),
        ];
        files.into_iter().filter_map(|(key, path)| Some((key, path?)))
    }

    /// What is wrong with the files that it names, each with its key. What they hold is not kept: it is read anew for each
    /// message.
    #[must_use]
    pub fn unusable_files(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        for (key, path) in self.credential_files() {
            match Credential::read(path) {
                Err(error) => wrong.push((key, error.to_string())),
                Ok(url) if key == "url_file" => {
                    if let Err(error) = Address::parse(url.expose(), self.insecure) {
                        wrong.push((
                            key,
                            format!("{} has {error}; expected {}", path.display(), error.expected()),
                        ));
                    }
                }
                Ok(_) => {}
            }
        }
        if let Some(path) = &self.ca_file
            && let Err(error) = regular::open_for_reading(path)
        {
            wrong.push(("ca_file", format!("{} cannot be read: {error}", path.display())));
        }
        wrong
    }

    /// Whether what is told may be read on its way. Where the URL stands in a file, it may.
    #[must_use]
    pub fn may_be_clear(&self) -> bool {
        let clear = match &self.url {
            Given::Text(url) => Address::parse(url, true).is_ok_and(|address| address.is_clear()),
            Given::File(_) => true,
        };
        self.insecure && clear
    }
}

#[cfg(test)]
impl Target {
    /// A webhook that is told what is told by default.
    pub(crate) fn sample(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Webhook,
            url: Given::Text(url.to_owned()),
            place: None,
            token: None,
            secret: None,
            events: Class::DEFAULT.to_vec(),
            severity: Severity::Low,
            users: Vec::new(),
            rules: Vec::new(),
            quiet: None,
            quiet_except: Some(Severity::Critical),
            escalate_after: None,
            to: None,
            insecure: false,
            ca_file: None,
        }
    }
}
