//! All that is wrong, at once.

use serde::{Deserialize, Serialize};

use super::single::Problem;

/// Every problem of a file, or of a set of files; never empty where it is an error.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, schemars::JsonSchema,
)]
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

    /// Notes one more; the caller may add what was expected.
    pub fn push(&mut self, problem: Problem) -> &mut Problem {
        let last = self.0.len();
        self.0.push(problem);
        &mut self.0[last]
    }

    /// Puts the problems of one file in the order of its lines.
    pub fn sort(&mut self) {
        self.0.sort_by_key(|problem| (problem.line, problem.column));
    }

    /// Returns the value, unless something is wrong.
    ///
    /// # Errors
    /// Every problem that was noted.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    fn render(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.0.extend(problems);
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
