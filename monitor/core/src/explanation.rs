//! Why something was decided as it was.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::{Action, Grade, Place};

/// A decision, told from who did it to what would have had to differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Explanation {
    /// Of the hold or the event that was asked for.
    pub id: String,
    pub headline: String,
    pub at: Timestamp,
    pub session: String,
    /// Outermost first, from the session's root: `4711 claude`, `4720 bash`, `4722 curl …`.
    pub lineage: Vec<String>,
    /// What it was about, and how that is known, a sentence each.
    pub object: Vec<String>,
    /// Of a hold: what an approval names, so that it is one of what was shown here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Secrets that the session had read, the last first.
    pub read: Vec<Read>,
    /// What of this is not known, or not any more, a sentence each.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Rules that matched.
    pub rules: Vec<RuleTrace>,
    /// Rules that an exception among `rules` kept from matching.
    pub excused: Vec<Neighbour>,
    /// Where no rule matched: those that came nearest.
    pub nearest: Vec<Neighbour>,
    /// What would have been decided without the decisive rule.
    pub otherwise: Option<Otherwise>,
    /// SHA-256 of the rules that decided, hexadecimal; `None` where nothing was decided.
    pub rules_sha256: Option<String>,
    /// Other rules are in force by now.
    pub reloaded: bool,
    /// The whole event, in ECS names.
    pub event: serde_json::Value,
}

/// A secret that was read before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Read {
    pub path: String,
    pub class: String,
    pub grade: Grade,
    pub foreign: bool,
    /// When it was last read.
    pub at: Timestamp,
    /// How long before, milliseconds.
    pub before_ms: u64,
    /// A rule that matched asks for such a one.
    pub counts: bool,
    /// The process that read it last; `None` where that is not known.
    #[serde(default)]
    pub by: Option<ReadBy>,
    /// The one that read it first, where it is another.
    #[serde(default)]
    pub first_by: Option<ReadBy>,
    /// Others read it in between, and are not remembered.
    #[serde(default)]
    pub others_between: bool,
}

/// A process that read a secret, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReadBy {
    pub at: Timestamp,
    pub pid: u32,
    /// Empty where it is not known.
    pub executable: String,
    pub command: String,
    /// Outermost first, from the session's root to the process itself.
    pub lineage: Vec<String>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuleTrace {
    pub id: String,
    pub summary: String,
    /// What is done because of it.
    pub action: Action,
    pub conditions: Vec<ConditionTrace>,
    /// What changed the rule's action: `observe mode: recorded only`.
    pub notes: Vec<String>,
    /// Exceptions that did not hold and would have kept it from matching, the nearest first.
    pub exceptions: Vec<Neighbour>,
    pub runs_in: Place,
    /// What it was compiled to, a sentence each.
    pub compiled: Vec<String>,
    #[serde(flatten)]
    pub written: Written,
    /// Overrides that changed it.
    pub overridden: Vec<Written>,
}

/// A condition of a rule, and what it was held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConditionTrace {
    /// As rules write it: `destination.class`.
    pub name: String,
    pub met: bool,
    pub asked: String,
    pub found: String,
    /// The smallest change with which it would not have been met; `None` where it was not.
    pub instead: Option<String>,
}

/// A rule that did not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Neighbour {
    pub id: String,
    pub summary: String,
    pub action: Action,
    /// What was missing.
    pub unmet: Vec<ConditionTrace>,
    pub file: String,
    pub line: u64,
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Written {
    pub file: String,
    pub line: u64,
    /// As it is written there.
    pub text: String,
}

/// A decision that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Otherwise {
    /// The rule without which it would have been made.
    pub without: String,
    pub action: Action,
    /// The rule that would have been decisive; `None` where none matches.
    pub rule: Option<String>,
    pub summary: Option<String>,
}
