//! What one record says.

use interlock_core::{
    facts::BootNanos,
    record::{Entry, Kind, Who},
};
use interlock_host::clock::boot_now;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Record {
    pub at: Timestamp,
    /// The boot clock at that time, in seconds: it is never set. A text, as a number in JSON keeps no nanoseconds (`0 s` is when
    /// the machine started). Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
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
        Self {
            at,
            boot: Some(boot_text(boot_now())),
            kind,
            who,
            session: session.map(|id| id.to_string()),
            detail,
        }
    }
}

fn boot_text(at: BootNanos) -> String {
    format!("{}.{:09}", at.0 / 1_000_000_000, at.0 % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_is_told_to_the_nanosecond() {
        assert_eq!(boot_text(BootNanos(3_000_000_007)), "3.000000007");
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let line = r#"{"at":"2026-04-25T10:00:00Z","kind":"approve","who":{"caller":{"uid":7,"pid":70}},"session":null,"detail":{}}"#;
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!((record.who.clone(), record.boot.clone()), (Who::caller(7, 70), None));
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
    }
}
