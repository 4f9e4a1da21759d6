//! A rule as written, checked and ready to evaluate. See `docs/rules.md` for the language.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

pub use super::conditions::{
    Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch, PodMatch,
    ProcessMatch, SecretMatch, SessionMatch, Touched,
};
use super::{duration::as_written, guard::Guard, places::Places};
use crate::{
    facts::{Action, Kind, Mode, Severity, Terms},
    words::Word,
};

/// Most rules of one set; a session keeps at most one window for each.
pub const MAX_RULES: usize = 4096;

/// Most rules of one set that have `after`; a session keeps the steps of each.
pub const MAX_SEQUENCES: usize = 256;

/// One rule.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
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
    #[schemars(with = "Option<String>")]
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
    /// What an approval needs; plain where `action` is not hold.
    #[serde(rename = "approve", skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
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
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Sequence {
    /// 1 to [`Sequence::MAX_STEPS`].
    pub steps: Vec<Step>,
    pub order: Order,
    /// How long before the fact the first step may lie.
    #[serde(serialize_with = "as_written")]
    #[schemars(with = "String")]
    pub within: Duration,
    /// Name of the sequence in a session's memory: it survives a reload that keeps rule and steps.
    #[serde(skip)]
    pub(super) key: u64,
}

impl Sequence {
    pub const MAX_STEPS: usize = 8;
}

/// A fact that must have happened before.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Step {
    pub id: String,
    pub on: Kind,
    #[serde(rename = "match")]
    pub conditions: Conditions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Each step after the one before it.
    Listed,
    Any,
}

impl Word for Order {
    const WORDS: &'static [(&'static str, Self)] = &[("listed", Self::Listed), ("any", Self::Any)];
}

/// What a connection waits with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// Its first data: the handshake passes, and the data says who it is for.
    #[default]
    Data,
    /// Everything: the program is stopped in `connect`, and what is known is the address and what DNS said of it. The
    /// rule is asked again about the first data.
    Handshake,
}

impl Word for Moment {
    const WORDS: &'static [(&'static str, Self)] = &[("data", Self::Data), ("handshake", Self::Handshake)];
}

impl Moment {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    fn is_data(&self) -> bool {
        *self == Self::Data
    }
}

/// How often, before the rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Threshold {
    /// 2 to [`Threshold::MAX`].
    pub count: usize,
    /// What must differ; `None`: every fact counts.
    pub distinct: Option<Distinct>,
    #[serde(serialize_with = "as_written")]
    #[schemars(with = "String")]
    pub within: Duration,
}

impl Threshold {
    /// Most entries that a window keeps.
    pub const MAX: usize = 1024;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub enum Distinct {
    #[serde(rename = "file.path")]
    FilePath,
    /// The name, or the address where there is none.
    #[serde(rename = "destination.name")]
    DestinationName,
}

impl Word for Distinct {
    const WORDS: &'static [(&'static str, Self)] =
        &[("file.path", Self::FilePath), ("destination.name", Self::DestinationName)];
}

/// What silence means for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Timeout {
    #[serde(serialize_with = "as_written")]
    #[schemars(with = "String")]
    pub after: Duration,
    /// Deny, freeze or kill: silence never means yes.
    pub then: Action,
}

impl Default for Timeout {
    fn default() -> Self {
        Self { after: Duration::from_secs(600), then: Action::Freeze }
    }
}
