//! A limit on how many values a label takes: whoever names rules or programs must not be able to fill the memory.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// Stands for every value above the limit.
const OTHER: &str = "other";

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
}
