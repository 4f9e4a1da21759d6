//! What is wrong with a guard.

use std::ops::Range;

/// What is wrong with a guard, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistake {
    /// In bytes of the guard's text.
    pub at: Range<usize>,
    pub message: String,
    pub expected: Option<String>,
    pub hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), ..Self::default() }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
