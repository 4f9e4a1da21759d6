//! Labels: what their values may be, and a limit on how many there are. Whoever names rules or programs must not be able to
//! fill the memory.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// Stands for every value above the limit.
const OTHER: &str = "other";

/// What a label says.
#[derive(Clone, Debug)]
pub struct Label {
    pub name: &'static str,
    pub values: Values,
}

#[derive(Clone, Debug)]
pub enum Values {
    /// Each of these, and nothing else.
    Words(Vec<&'static str>),
    /// Names that the program does not know beforehand: at most so many, and whose they are.
    Names(usize, &'static str),
}

impl Label {
    pub fn words(name: &'static str, words: impl Into<Vec<&'static str>>) -> Self {
        Self { name, values: Values::Words(words.into()) }
    }

    pub fn names(name: &'static str, most: usize, whose: &'static str) -> Self {
        Self { name, values: Values::Names(most, whose) }
    }

    /// How many values there may be.
    pub fn most(&self) -> usize {
        match &self.values {
            Values::Words(words) => words.len(),
            Values::Names(most, _) => *most,
        }
    }
}

/// Each combination of the labels' words; `None` where a label's values are names.
pub fn combinations(labels: &[Label]) -> Option<Vec<Vec<&'static str>>> {
    labels.iter().try_fold(vec![Vec::new()], |sets, label| {
        let Values::Words(words) = &label.values else { return None };
        let with = |set: &Vec<&'static str>| {
            words.iter().map(|word| set.iter().copied().chain([*word]).collect()).collect::<Vec<_>>()
        };
        Some(sets.iter().flat_map(with).collect())
    })
}

#[derive(Debug)]
pub(super) struct Limited {
    admitted: Mutex<HashSet<String>>,
    limit: usize,
}

impl Limited {
    pub(super) fn to(limit: usize) -> Self {
        Self { admitted: Mutex::default(), limit }
    }

    /// `value` while it is one of the first so many, else `other`.
    pub(super) fn admit<'v>(&self, value: &'v str) -> &'v str {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.contains(value) {
            return value;
        }
        if admitted.len() >= self.limit {
            return OTHER;
        }
        admitted.insert(value.into());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names() {
        let limited = Limited::to(2);
        let seen: Vec<&str> = ["a", "b", "c", "a", "d"].map(|value| limited.admit(value)).to_vec();
        assert_eq!(seen, ["a", "b", "other", "a", "other"]);
    }

    #[test]
    fn words_are_combined_and_names_are_not_known_beforehand() {
        let labels = [Label::words("a", ["x", "y"]), Label::words("b", ["z"])];
        assert_eq!(combinations(&labels), Some(vec![vec!["x", "z"], vec!["y", "z"]]));
        assert_eq!(combinations(&[Label::words("a", ["x"]), Label::names("b", 9, "rules")]), None);
        assert_eq!(combinations(&[]), Some(vec![vec![]]));
    }
}
