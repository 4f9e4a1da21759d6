//! The first line of a record: what was in force, and which sessions lived.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Mode;

/// Version of the format.
pub const VERSION: u32 = 1;

/// The first line of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    #[serde(rename = "interlock.record")]
    pub version: u32,
    #[serde(rename = "interlock.version")]
    pub program: String,
    /// SHA-256 of the rules that were in force, hexadecimal.
    #[serde(rename = "rules.sha256")]
    pub rules: String,
    #[serde(rename = "interlock.mode")]
    pub mode: Mode,
    /// Sessions that lived when the record was begun.
    pub sessions: Vec<Known>,
}

/// A session that lived when a record was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub id: String,
    pub started: Timestamp,
}
