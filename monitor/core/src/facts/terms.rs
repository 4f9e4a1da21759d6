//! What a rule asks of an approval, beyond that a person who may decide says yes.

use serde::{Deserialize, Serialize};

/// The terms of an approval. By default one person's yes is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Terms {
    /// Groups of the system's user database; whoever approves is in one of them. Empty: no group is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// So many different persons, 1 or 2.
    pub count: usize,
    /// What each of them proves to be that person by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorKind>,
    pub reason: ReasonTerm,
}

impl Default for Terms {
    fn default() -> Self {
        Self { by: Vec::new(), count: 1, factor: None, reason: ReasonTerm::Optional }
    }
}

impl Terms {
    /// Most persons that a rule can ask for.
    pub const MOST: usize = 2;

    /// Whether the session's owner is none of those who may approve: whoever asks does not answer.
    #[must_use]
    pub fn excludes_owner(&self) -> bool {
        !self.by.is_empty() || self.count > 1
    }

    /// Whether they ask for nothing special.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How a person proves to be that person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FactorKind {
    /// A code of an authenticator (RFC 6238).
    Totp,
    /// A signature of a security key (FIDO2).
    Key,
}

/// Whether a reason has to be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasonTerm {
    #[default]
    Optional,
    Required,
}
