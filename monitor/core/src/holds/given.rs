//! Approvals that were given to a hold that asks for more than one person.

use serde::{Deserialize, Serialize};

use super::extent::Extent;
use crate::facts::BootNanos;

/// One person's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// As [`crate::record::Who::text`] names them.
    pub by: String,
    /// As [`crate::record::Who::persons`] tells them apart.
    pub persons: Vec<u32>,
    /// The cluster's user, where one approved, who is nobody of `persons`. A version that does not know this counts nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_user: Option<String>,
    pub at: BootNanos,
    pub reason: Option<String>,
    pub extent: Extent,
    /// The whole hash of what was approved.
    pub evidence: String,
}

impl Given {
    /// Whether it is known which person that was.
    pub(super) fn is_somebodys(&self) -> bool {
        self.cluster_user.is_some() || self.persons.iter().any(|person| *person != 0)
    }
}
