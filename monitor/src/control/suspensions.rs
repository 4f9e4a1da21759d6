//! Nouns of break-glass and pause in the control API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::factor::check::Proof;
use interlock_core::sessions::Way;

/// For a time nothing of a session is to be stopped, and everything told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// `break-glass` (root), or `pause` (whose session it is, as far as the configuration allows).
    pub way: Way,
    /// A pause without one is for every session of the caller's.
    #[serde(default)]
    pub session: Option<String>,
    pub for_seconds: u64,
    pub reason: String,
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// The body's fields, for whoever leaves some out.
impl Default for Suspend {
    fn default() -> Self {
        Self { way: Way::Pause, session: None, for_seconds: 0, reason: String::new(), proof: None }
    }
}

/// That ends before its time: of one session, or of every one about which the caller may decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resume {
    pub session: Option<String>,
}

/// Of a session of which nothing is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SuspensionView {
    pub way: Way,
    pub until: Timestamp,
    pub by: String,
    pub reason: String,
}
