//! What is wrong with a configuration file.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

use super::values::FILE;

/// One problem: where, which key, what, what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    /// Counted from 1; 0 where the problem is the file itself or a default.
    pub line: usize,
    pub key: Option<String>,
    pub message: String,
}

impl Problem {
    pub(super) fn file(file: &Path, error: &io::Error) -> Self {
        Self { file: file.into(), line: 0, key: None, message: format!("cannot be read: {error}") }
    }

    pub(super) fn unreadable(
        file: Option<&Path>,
        line: usize,
        key: &str,
        directory: &Path,
        error: &io::Error,
    ) -> Self {
        let directory = directory.display();
        let message = format!("{directory} cannot be read: {error}; expected a readable directory");
        let file = file.unwrap_or(Path::new(FILE)).into();
        Self { file, line, key: Some(key.into()), message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if let Some(key) = &self.key {
            write!(f, " {key}:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// Every problem of one file, in the order of its lines; displayed one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(super) fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|problem| problem.line);
        Err(self)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "{problem}{end}")?;
        }
        Ok(())
    }
}

impl Error for Problems {}
