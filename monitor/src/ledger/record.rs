//! What one record says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An action was held.
    Hold,
    /// A person let it go on.
    Approve,
    /// A person or a rule refused it.
    Deny,
    /// Nobody answered in time.
    Expire,
    Freeze,
    Thaw,
    Kill,
    /// The kernel let a held action go on.
    Release,
    /// The kernel saw a held action happen after it was allowed: an answer was used.
    Commit,
    /// A process asked to be a session's root.
    Enroll,
    /// Rules were loaded.
    Rules,
    /// The daemon started.
    Start,
    /// The daemon stopped.
    Stop,
    /// The file before was renamed, removed or cut by another program: the chain goes on here.
    Rotate,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Credentials of the control socket's peer.
    Caller { uid: u32, pid: u32 },
    /// Id of the rule.
    Rule(String),
    /// The kernel, by what the daemon had told it before.
    Kernel,
    /// The daemon itself: its start, its stop, a deadline.
    Daemon,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub kind: Kind,
    pub who: Who,
    /// As people see it: `4711-0a3f2`.
    pub session: Option<String>,
    pub detail: Map<String, Value>,
}
