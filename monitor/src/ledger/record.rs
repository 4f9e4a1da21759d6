//! What one record says.

use interlock_core::record::{Entry, Kind, Who};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    pub kind: Kind,
    pub who: Who,
    /// As people see it: `4711-0a3f2`.
    pub session: Option<String>,
    pub detail: Map<String, Value>,
}

impl Record {
    /// An entry, at its time.
    #[must_use]
    pub fn of(entry: Entry, at: Timestamp) -> Self {
        let Entry { kind, who, session, detail, .. } = entry;
        Self { at, kind, who, session: session.map(|id| id.to_string()), detail }
    }
}
