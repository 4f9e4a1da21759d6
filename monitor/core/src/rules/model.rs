//! A rule as written, checked and ready to evaluate. See `docs/rules.md` for the language.

mod conditions;

use std::{sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

pub use self::conditions::{
    Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch, ProcessMatch,
    SecretMatch, SessionMatch, Touched,
};
use super::{guard::Guard, places::Places};
use crate::facts::{Action, Kind, Mode, Severity};

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    pub id: String,
    pub summary: String,
    pub on: Kind,
    #[serde(rename = "match")]
    pub conditions: Conditions,
    /// The rule does not match where one of these holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Conditions>,
    #[serde(rename = "when", skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    pub action: Action,
    /// When a connection is stopped.
    #[serde(skip_serializing_if = "Moment::is_data")]
    pub before: Moment,
    /// Ids of the rules that an exception excuses; empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excuses: Vec<String>,
    /// Present exactly where `action` is hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
    pub severity: Severity,
    /// Points added to the session's risk.
    pub risk: u32,
    pub enabled: bool,
    /// A rule in observe mode is only recorded.
    pub mode: Mode,
    /// Techniques of MITRE ATT&CK.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Pages that say more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    pub source: Source,
    /// Where its parts are written.
    #[serde(skip)]
    pub(super) places: Places,
    /// Files that changed the rule by an override, in the order of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Source>,
    /// Name of the rule's window and risk entries in a session's memory: it survives a reload that keeps the id.
    #[serde(skip)]
    pub(super) key: u64,
}

/// Where a rule is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    pub file: String,
    /// Line of the rule's first field, from 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
    /// As it is written there.
    #[serde(skip)]
    pub text: Arc<str>,
}

/// What must have happened in the session before.
#[derive(Clone, Debug, Serialize)]
pub struct Sequence {
    /// 1 to [`Sequence::MAX_STEPS`].
    pub steps: Vec<Step>,
    pub order: Order,
    /// How long before the fact the first step may lie.
    #[serde(serialize_with = "as_written")]
    pub within: Duration,
    /// Name of the sequence in a session's memory: it survives a reload that keeps rule and steps.
    #[serde(skip)]
    pub(super) key: u64,
}

impl Sequence {
    pub const MAX_STEPS: usize = 8;
}

/// A fact that must have happened before.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub id: String,
    pub on: Kind,
    #[serde(rename = "match")]
    pub conditions: Conditions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Each step after the one before it.
    Listed,
    Any,
}

/// What a connection waits with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// Its first data: the handshake passes, and the data says who it is for.
    #[default]
    Data,
    /// Everything: the program is stopped in `connect`, and what is known is the address and what DNS said of it. The
    /// rule is asked again about the first data.
    Handshake,
}

impl Moment {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    fn is_data(&self) -> bool {
        *self == Self::Data
    }
}

/// How often, before the rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Threshold {
    /// 2 to [`Threshold::MAX`].
    pub count: usize,
    /// What must differ; `None`: every fact counts.
    pub distinct: Option<Distinct>,
    #[serde(serialize_with = "as_written")]
    pub within: Duration,
}

impl Threshold {
    /// Most entries that a window keeps.
    pub const MAX: usize = 1024;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Distinct {
    #[serde(rename = "file.path")]
    FilePath,
    /// The name, or the address where there is none.
    #[serde(rename = "destination.name")]
    DestinationName,
}

/// What silence means for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timeout {
    #[serde(serialize_with = "as_written")]
    pub after: Duration,
    /// Deny, freeze or kill: silence never means yes.
    pub then: Action,
}

impl Default for Timeout {
    fn default() -> Self {
        Self { after: Duration::from_secs(600), then: Action::Freeze }
    }
}

/// A duration in the largest unit that says it exactly, as rules write it.
pub fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let exact = units.into_iter().find(|(unit, _)| milliseconds.is_multiple_of(*unit));
    let (unit, name) = exact.unwrap_or((1, "ms"));
    format!("{}{name}", milliseconds / unit)
}

fn as_written<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*duration))
}

fn as_written_if_any<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(written).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_rules_write_them() {
        assert_eq!(written(Duration::from_millis(500)), "500ms");
        assert_eq!(written(Duration::from_secs(90)), "90s");
        assert_eq!(written(Duration::from_secs(600)), "10m");
        assert_eq!(written(Duration::from_secs(7200)), "2h");
    }
}
