//! Nouns of factors in the control API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::factor::check::Proof;
use interlock_core::holds::extent::Scope;

/// A factor that is enrolled; never what of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FactorView {
    /// `f1`, `f2` …; unique for its user.
    pub id: String,
    /// `totp`, or `key SHA256:…`.
    pub factor: String,
    pub user: u32,
    pub enrolled: Timestamp,
    /// How far the device's clock was off when its last code was taken, seconds.
    #[serde(default)]
    pub drift_seconds: i64,
    /// Only signatures count for which the key made sure of who touched it.
    #[serde(default)]
    pub verify_required: bool,
}

/// Enrols a factor: `secret` and `code` of a device, or `key`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewFactor {
    /// Whose, by uid; root says it for others, and everybody else is the caller.
    pub user: Option<u32>,
    /// In base 32.
    pub secret: Option<Hidden>,
    /// The code that the device shows now.
    pub code: Option<Hidden>,
    /// A line of a `.pub` file.
    pub key: Option<String>,
    pub verify_required: bool,
    /// What the new key itself signed, and its signature: that whoever enrols it holds it.
    pub possession: Option<Proof>,
    /// Of a factor that the user has, if any.
    pub proof: Option<Proof>,
}

/// Takes a factor away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FactorRemoval {
    pub user: Option<u32>,
    pub proof: Option<Proof>,
}

/// Asks for the text that a key is to sign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedStatement {
    /// `approve`, `thaw`, `break-glass`, `pause`, `factor-add`, `factor-remove`.
    pub verdict: String,
    /// The hold, the session, the factor.
    pub object: String,
    pub for_seconds: Option<u64>,
    /// Of an approval, as in its own body.
    pub times: Option<u32>,
    pub session: bool,
    pub scope: Scope,
    pub reason: Option<String>,
}

/// The text, and what `ssh-keygen -Y sign -n` must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementView {
    pub statement: String,
    pub namespace: String,
    pub expires: Timestamp,
}

/// A text that stands in no log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}
