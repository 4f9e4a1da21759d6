//! What works on this machine, and with which limits: the lines of `interlock doctor`.

use serde::{Deserialize, Serialize};

/// One line of `interlock doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// `open a secret`, `connect`, `kernel offsets` …
    pub subject: String,
    pub state: CheckState,
    /// Backend in force or value found.
    pub found: String,
    /// What would make it better, or the reason it is as it is.
    pub advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    Good,
    /// Works, with a stated limit.
    Limited,
    Missing,
}
