//! What is wrong with a catalogue.

use std::{fmt, path::Path};

/// One thing wrong with a catalogue. All problems are reported at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CatalogProblem {
    /// `secrets.yaml`, or its path where it was read from a directory.
    pub file: String,
    /// 1 for the first line; 0 where the problem has none, such as a file that cannot be read.
    pub line: u64,
    /// What was found, where, what was expected, and what to do.
    pub what: String,
}

impl CatalogProblem {
    /// `path` cannot be read because of `error`; `next` says what to do.
    #[must_use]
    pub fn unreadable(path: &Path, error: &dyn fmt::Display, next: &str) -> Self {
        Self { file: path.display().to_string(), line: 0, what: format!("cannot be read: {error}; {next}") }
    }
}

impl fmt::Display for CatalogProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// One catalogue, or everything that is wrong with it.
pub type Read<T> = Result<T, Vec<CatalogProblem>>;

/// Everything that is wrong, one problem a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CatalogProblems(pub Vec<CatalogProblem>);

impl fmt::Display for CatalogProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
