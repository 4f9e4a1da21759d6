//! One mistake: where it stands, what was found, what was expected, and the way out.

use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::nearest::nearest;
use crate::plain::{misleads, plain};

/// Columns of a source line that are shown: with its indentation it fits a terminal of 80.
const SHOWN: usize = 76;

/// Columns before the mistake that are shown of a line that is cut at its begin.
const BEFORE: usize = 30;

/// One mistake in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 where the problem is the file itself.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
    /// `rules[2].match.destination`; empty where the problem is the file itself.
    pub field: String,
    /// What was found.
    pub message: String,
    pub expected: Option<String>,
    /// The nearest word that would be right, or the next thing to do.
    pub hint: Option<String>,
    /// The line as it is written.
    pub source: Option<String>,
    /// Characters to underline.
    pub width: usize,
}

impl Problem {
    /// What was found, before it is known in which file, and where.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// A problem of the file as a whole.
    #[must_use]
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::new(message) }
    }

    /// A file or a directory that cannot be read.
    #[must_use]
    pub fn unreadable(path: &Path, why: impl fmt::Display) -> Self {
        Self::of_file(path.display().to_string(), format!("cannot be read: {why}"))
    }

    /// Adds what was expected.
    pub fn expected(&mut self, expected: impl Into<String>) -> &mut Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds the next thing to do.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the nearest of `words`, where one is near enough to be a slip of the finger.
    pub fn near<'w>(&mut self, found: &str, words: impl IntoIterator<Item = &'w str>) -> &mut Self {
        self.hint = nearest(found, words).map(|word| format!("did you mean {word:?}?"));
        self
    }

    /// Returns the problem in one line. The file's name, its fields and its words are others': nothing of them is obeyed by a
    /// terminal.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut text = self.file.clone();
        if self.line > 0 {
            text.push_str(&format!(":{}:{}", self.line, self.column));
        }
        if !self.field.is_empty() {
            text.push_str(&format!(": {}", self.field));
        }
        text.push_str(&format!(": {}", self.message));
        if let Some(expected) = &self.expected {
            text.push_str(&format!("; expected {expected}"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("; {hint}"));
        }
        plain(&text)
    }
}

/// The headline, and below it the line with the mistake underlined.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let Some(source) = &self.source else { return Ok(()) };
        let (shown, before) = cut(source, (self.column as usize).saturating_sub(1), self.width);
        // Tabs are kept in front of the caret, so that it stands under its word whatever a tab's width is.
        let indent: String = shown.chars().take(before).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let room = shown.chars().count().saturating_sub(before).max(1);
        write!(f, "\n    {shown}\n    {indent}{}", "^".repeat(self.width.clamp(1, room)))
    }
}

/// The part of a line that fits a terminal, and how many characters of it stand before the mistake. A terminal would break a
/// longer one, and the carets would stand under something else. What misleads is replaced, each by one character.
fn cut(source: &str, before: usize, width: usize) -> (String, usize) {
    let plain = |c: char| if misleads(c) && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    let line: Vec<char> = source.trim_end().chars().map(plain).collect();
    if line.len() <= SHOWN {
        return (line.into_iter().collect(), before);
    }
    let wanted = if before + width < SHOWN { 0 } else { before.saturating_sub(BEFORE) };
    let start = wanted.min(line.len() - SHOWN);
    let end = line.len().min(start + SHOWN);
    let mut shown: Vec<char> = line.get(start..end).unwrap_or_default().to_vec();
    if let Some(first) = shown.first_mut().filter(|_| start > 0) {
        *first = '…';
    }
    if let Some(last) = shown.last_mut().filter(|_| end < line.len()) {
        *last = '…';
    }
    (shown.into_iter().collect(), before.saturating_sub(start))
}
