//! One matter at one target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notifier::notice::Notice;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// Its place in the outbox.
    pub number: u64,
    /// What receivers know it by: the same for the same matter, also where it was lost here and is told again.
    pub id: String,
    pub target: String,
    /// What is to be seen there.
    pub notice: Notice,
    /// Which version that is, and which was told; 0: none.
    pub wanted: u32,
    pub sent: u32,
    /// What the service calls the message, where it can be changed.
    pub handle: Option<String>,
    /// Attempts that failed since the last that did not.
    pub attempts: u32,
    pub not_before: Timestamp,
    /// When the next target is told, if nobody has answered by then.
    pub escalate_at: Option<Timestamp>,
}

impl Letter {
    #[must_use]
    pub fn new(target: &str, notice: Notice, not_before: Timestamp) -> Self {
        let Notice { key, at, host, action, .. } = &notice;
        let hash = blake3::hash(format!("{target}\n{host}\n{key}\n{at}\n{action}").as_bytes()).to_hex();
        Self {
            number: 0,
            id: hash.chars().take(20).collect(),
            target: target.to_owned(),
            notice,
            wanted: 1,
            sent: 0,
            handle: None,
            attempts: 0,
            not_before,
            escalate_at: None,
        }
    }

    /// The id of what is told next: the same in each attempt, another one once it says something else.
    #[must_use]
    pub fn message_id(&self) -> String {
        format!("{}-{}", self.id, self.wanted)
    }

    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.sent < self.wanted
    }

    /// Something is to be seen in place of what was there.
    pub fn becomes(&mut self, notice: Notice) {
        self.notice = notice;
        self.wanted = self.sent + 1;
        self.escalate_at = None;
    }
}
