//! Texts of catalogues, as whoever reads files hands them over.

use super::problem::{CatalogProblem, Read};

/// The three catalogues' texts.
#[derive(Debug, Default)]
pub struct Documents {
    pub agents: Document,
    pub secrets: Document,
    pub destinations: Document,
}

/// The text of one catalogue.
#[derive(Debug, Default)]
pub enum Document {
    #[default]
    Builtin,
    /// `file` stands in front of each of its problems.
    Text { file: String, text: String },
    /// It is a problem like those of the texts, and reported together with them.
    Unreadable(CatalogProblem),
}

impl Document {
    pub(super) fn read<T>(
        &self,
        builtin: impl FnOnce() -> Read<T>,
        parse: impl FnOnce(&str) -> Read<T>,
    ) -> Read<T> {
        match self {
            Self::Builtin => builtin(),
            Self::Text { file, text } => parse(text).map_err(|mut problems| {
                problems.iter_mut().for_each(|problem| problem.file.clone_from(file));
                problems
            }),
            Self::Unreadable(problem) => Err(vec![problem.clone()]),
        }
    }
}
