//! Trials of rules: cases say what a session does and what the rules must decide, and are played without a kernel.
//!
//! Files become [`Cases`] or the list of all their problems; [`Runner::hear`] plays one and gives what was not as
//! expected. Everything between an event and its decision is the daemon's own code: [`crate::recognition`], a
//! [`crate::sessions::Session`] and its rules. The format is described in `docs/rules.md`.

mod case;
mod decided;
mod grammar;
mod play;
mod read;
mod schema;

use std::path::PathBuf;

use serde::Serialize;

pub use self::{
    case::{Answer, Case, Decision, Decisions, told},
    decided::decisions,
    play::{CaseResult, Runner},
    schema::schema,
};
use crate::rules::{Problems, RuleSet};

/// The cases of a set of files, in the order of files and lines.
#[derive(Debug)]
pub struct Cases(Vec<Case>);

/// Something that was not decided as a case expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl Cases {
    /// Reads the texts of files, in the given order. `rules` are those that the cases may name.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn parse(files: &[(PathBuf, String)], rules: &RuleSet) -> Result<Self, Problems> {
        read::read(files, rules).map(Self)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Case> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests;
