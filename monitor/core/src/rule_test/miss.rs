//! What was not decided as a case expects.

use serde::Serialize;

use super::case::{Case, Expected};

/// Something that was not decided as a case expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Miss {
    pub file: String,
    /// Of the event, or of the case where its end is meant; from 1.
    pub line: u64,
    pub case: String,
    /// `4s connect backboard.railway.app`, or `the whole session`.
    pub event: String,
    pub expected: String,
    pub got: String,
}

impl Miss {
    pub fn of(case: &Case, line: u64, event: &str, expected: &Expected, got: String) -> Self {
        Self {
            file: case.file.clone(),
            line,
            case: case.name.clone(),
            event: event.to_owned(),
            expected: expected.to_string(),
            got,
        }
    }
}
