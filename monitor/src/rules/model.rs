//! A rule as written, checked and ready to evaluate. See `docs/rules.md` for the language.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::pattern::{Glob, HostPattern};
use crate::{
    control::api::Mode,
    facts::{Action, DelegateHow, DestinationClass, EnvironHow, Grade, InspectHow, Kind, Severity},
};

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    pub id: String,
    pub summary: String,
    pub on: Kind,
    #[serde(rename = "match")]
    pub conditions: Conditions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    pub action: Action,
    /// Present exactly where `action` is hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
    pub severity: Severity,
    /// Points added to the session's risk.
    pub risk: u32,
    pub enabled: bool,
    /// A rule in observe mode is only recorded.
    pub mode: Mode,
    pub source: Source,
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
}

/// What must hold for a rule to match; every part that is present must hold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<DestinationMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environ: Option<EnvironMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspect: Option<InspectMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate: Option<DelegateMatch>,
    /// Catalogue ids, any of them; empty: every agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

/// Which secret; an empty list or `None` means any. All empty is `secret: any`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SecretMatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grade: Vec<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Glob>,
}

/// Which destination; an empty list or `None` means any. All empty is `destination: any`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DestinationMatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<DestinationClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<HostPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port: Vec<u16>,
    /// false: a plain address, no name is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<bool>,
}

impl DestinationMatch {
    /// The rule names `class`, and nothing else narrows it.
    #[must_use]
    pub fn is_only(&self, class: DestinationClass) -> bool {
        self.class == [class]
            && self.host.is_empty()
            && self.provider.is_empty()
            && self.port.is_empty()
            && self.named.is_none()
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessMatch {
    /// Against the whole path, or against the file name where the pattern has no `/`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub executable: Vec<Glob>,
    /// Against the arguments joined by single spaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<Glob>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct EnvironMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<EnvironHow>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct InspectMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<InspectHow>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct DelegateMatch {
    /// Catalogue ids of services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<DelegateHow>,
}

/// A secret that the session read before.
#[derive(Clone, Debug, Serialize)]
pub struct Touched {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grade: Vec<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<bool>,
    /// How long ago at most; `None`: at any time in the session.
    #[serde(serialize_with = "as_written_if_any", skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
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
fn written(duration: Duration) -> String {
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
