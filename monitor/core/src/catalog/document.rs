//! Texts of catalogues, as whoever reads files hands them over.

use crate::problem::{Problem, Problems};

/// The catalogues' texts.
#[derive(Debug, Default)]
pub struct Documents {
    pub agents: Document,
    pub secrets: Document,
    pub destinations: Document,
    pub workspaces: Document,
}

/// The text of one catalogue.
#[derive(Debug, Default)]
pub enum Document {
    #[default]
    Builtin,
    /// `file` stands in front of each of its problems.
    Text { file: String, text: String },
    /// It is a problem like those of the texts, and reported together with them.
    Unreadable(Problem),
}

impl Document {
    /// Reads it, or the built-in text that it stands for; `parse` is given the file's name and its text.
    pub(super) fn read<T>(
        &self,
        (file, builtin): (&str, &str),
        parse: impl FnOnce(&str, &str) -> Result<T, Problems>,
    ) -> Result<T, Problems> {
        match self {
            Self::Builtin => parse(file, builtin),
            Self::Text { file, text } => parse(file, text),
            Self::Unreadable(problem) => Err(problem.clone().into()),
        }
    }
}
