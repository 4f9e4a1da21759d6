//! How a hold ended.

use crate::facts::{BootNanos, HoldState};

/// What became of a hold, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub state: HoldState,
    pub at: BootNanos,
    pub by: Option<String>,
    pub reason: Option<String>,
}

impl Ending {
    #[must_use]
    pub fn new(state: HoldState, at: BootNanos) -> Self {
        Self { state, at, by: None, reason: None }
    }

    #[must_use]
    pub fn by(self, by: impl Into<String>) -> Self {
        Self { by: Some(by.into()), ..self }
    }

    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }
}
