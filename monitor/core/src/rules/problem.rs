//! What is wrong with a set of rules: every mistake, each with its place and the way out.

use std::fmt;

/// One mistake in a rules file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
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
    /// A problem of the file as a whole.
    #[must_use]
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), message: message.into(), ..Self::default() }
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

    /// The problem in one line.
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
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let Some(source) = &self.source else { return Ok(()) };
        // Tabs are kept in front of the caret, so that it stands under its word whatever a tab's width is.
        let before = (self.column as usize).saturating_sub(1);
        let indent: String = source.chars().take(before).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let room = source.trim_end().chars().count().saturating_sub(before).max(1);
        write!(f, "\n    {source}\n    {indent}{}", "^".repeat(self.width.clamp(1, room)))
    }
}

/// Every problem of a set of rules; never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    fn render(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// The nearest of `words`, where it is at most a third of its letters away.
pub fn nearest<'w>(found: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let found: Vec<char> = found.to_lowercase().chars().take(64).collect();
    let near = words.into_iter().filter_map(|word| {
        let letters: Vec<char> = word.to_lowercase().chars().collect();
        let away = distance(&found, &letters);
        (away <= (letters.len() / 3).max(1) && away < letters.len()).then_some((away, word))
    });
    near.min_by_key(|(away, _)| *away).map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(from != to)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *to && b[j - 1] == *from {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let words = ["allow", "alert", "hold", "deny", "freeze", "kill"];
        assert_eq!(nearest("hodl", words), Some("hold"));
        assert_eq!(nearest("freze", words), Some("freeze"));
        assert_eq!(nearest("Allow", words), Some("allow"));
        assert_eq!(nearest("block", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("b", ["A", "B"]), Some("B"));
        assert_eq!(nearest("x", ["A", "B"]), None);
    }

    #[test]
    fn a_problem_shows_its_line_and_underlines_the_word() {
        let problem = Problem {
            line: 4,
            column: 13,
            field: "rules[0].action".into(),
            expected: Some("hold".into()),
            source: Some("    action: hodl  # hm".into()),
            width: 4,
            ..Problem::of_file("a.yaml", "found \"hodl\"")
        };
        let text = problem.to_string();
        assert_eq!(
            text,
            "a.yaml:4:13: rules[0].action: found \"hodl\"; expected hold\n        action: hodl  # hm\n                ^^^^"
        );
    }

    #[test]
    fn a_file_that_is_the_problem_has_no_position() {
        let problem = Problem::of_file("/etc/rules.d", "is empty");
        assert_eq!(problem.to_string(), "/etc/rules.d: is empty");
    }
}
