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
    pub at: BootNanos,
    pub reason: Option<String>,
    pub extent: Extent,
    /// The whole hash of what was approved.
    pub evidence: String,
}

impl Given {
    /// Whether it is known which person that was.
    pub(super) fn is_somebodys(&self) -> bool {
        self.persons.iter().any(|person| *person != 0)
    }
}
