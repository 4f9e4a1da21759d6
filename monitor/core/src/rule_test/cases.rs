//! The cases of a set of files.

use std::path::PathBuf;

use super::{case::Case, read};
use crate::{problem::Problems, rules::RuleSet};

/// The cases of a set of files, in the order of files and lines.
#[derive(Debug)]
pub struct Cases(Vec<Case>);

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
