//! Where in a file something stands.

use std::ops::Range;

use super::single::Problem;

/// The text of one file, while it is read.
#[derive(Debug)]
pub struct Source<'a> {
    /// The file's name, as problems say it.
    pub file: &'a str,
    text: &'a str,
    /// Of the text, so that a place is found without reading it again.
    lines: Vec<&'a str>,
}

impl<'a> Source<'a> {
    #[must_use]
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, lines: text.lines().collect() }
    }

    /// Returns the file's lines.
    #[must_use]
    pub fn lines(&self) -> &[&'a str] {
        &self.lines
    }

    /// Returns the line of that number, from 1.
    #[must_use]
    pub fn line(&self, number: u64) -> Option<&'a str> {
        self.lines.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }

    /// Returns a problem of `width` characters at a line and a column, both from 1; at line 0, a problem of the whole file.
    #[must_use]
    pub fn problem(
        &self,
        (line, column): (u64, u64),
        width: usize,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        let source = self.line(line).map(str::to_owned);
        Problem { line, column, field: field.into(), source, width, ..Problem::of_file(self.file, message) }
    }

    /// Returns a problem of some bytes of the text. What stands on further lines is not underlined.
    #[must_use]
    pub fn problem_of_bytes(
        &self,
        bytes: Range<usize>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        let before = self.text.get(..bytes.start).unwrap_or(self.text);
        let line = before.matches('\n').count() as u64 + 1;
        let own = before.rsplit('\n').next().unwrap_or_default();
        let marked = self.text.get(bytes).and_then(|marked| marked.lines().next()).unwrap_or_default();
        self.problem((line, own.chars().count() as u64 + 1), marked.chars().count(), field, message)
    }
}
