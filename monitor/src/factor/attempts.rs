//! How often a code may be guessed: five wrong ones in five minutes, and then none for five minutes.
//!
//! With three codes good at a time, and at most 5 guesses in 5 minutes, a year of guessing has a chance of about 0.8 to meet one
//! (525,600 guesses of 3 in 1,000,000 each): so each lock is told at once, and a person looks long before that.

use serde::{Deserialize, Serialize};

/// Wrong codes in `SPAN` that lock.
pub const MOST: usize = 5;
/// Seconds.
const SPAN: i64 = 300;
/// How long a lock lasts, seconds.
pub const LOCK: i64 = 300;

/// The wrong codes of one user, on the wall's clock, seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    wrong: Vec<i64>,
    locked: Option<i64>,
}

impl Attempts {
    /// Seconds until a code is looked at again; `None` where it is at once. One that began in the future, because the clock was set
    /// back, has passed.
    #[must_use]
    pub fn locked_for(&self, now: i64) -> Option<i64> {
        let since = self.locked.filter(|since| (0..LOCK).contains(&now.saturating_sub(*since)))?;
        Some(LOCK - now.saturating_sub(since))
    }

    /// Counts a wrong code; returns whether this one locks.
    pub fn count(&mut self, now: i64) -> bool {
        self.wrong.retain(|at| (0..SPAN).contains(&now.saturating_sub(*at)));
        self.wrong.push(now);
        let locks = self.wrong.len() >= MOST;
        if locks {
            (self.locked, self.wrong) = (Some(now), Vec::new());
        }
        locks
    }

    /// A code was right.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_codes_lock_for_five_minutes() {
        let mut attempts = Attempts::default();
        for at in 0..4 {
            assert!(!attempts.count(at));
        }
        assert_eq!(attempts.locked_for(4), None);
        assert!(attempts.count(4));
        assert_eq!(attempts.locked_for(4), Some(300));
        assert_eq!(attempts.locked_for(303), Some(1));
        assert_eq!(attempts.locked_for(304), None);
        assert!(!attempts.count(305), "counted anew");
    }

    #[test]
    fn what_lies_longer_ago_counts_no_more_and_a_right_one_clears_it() {
        let mut attempts = Attempts::default();
        for at in [0, 100, 200, 299, 301] {
            assert!(!attempts.count(at), "{at}: the first is over by then");
        }
        attempts.forget();
        assert!((302..306).all(|at| !attempts.count(at)));
        assert!(attempts.count(306));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_for_longer() {
        let mut attempts = Attempts::default();
        (1000..1005).for_each(|at| _ = attempts.count(at));
        assert_eq!(attempts.locked_for(500), None);
    }
}
