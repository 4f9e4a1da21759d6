//! Which of a session's touches the daemon has judged.
//!
//! The kernel numbers them, and lets nothing leave unasked while one is unjudged. They are judged in the order of the ring,
//! which two processors may fill in another order than that of their numbers.

use std::collections::BTreeSet;

/// Numbers that may be judged ahead of one that is missing. A missing one beyond this was lost, and its session asks for ever.
const AHEAD_MAX: usize = 4096;

#[derive(Debug, Default)]
pub struct Touches {
    settled: u64,
    ahead: BTreeSet<u64>,
}

impl Touches {
    /// Where an earlier daemon had come to.
    #[must_use]
    pub fn after(settled: u64) -> Self {
        Self { settled, ahead: BTreeSet::new() }
    }

    /// Counts a touch as judged; returns the number up to which all are, where that is news.
    pub fn judged(&mut self, number: u64) -> Option<u64> {
        if number <= self.settled || self.ahead.len() >= AHEAD_MAX && number != self.settled + 1 {
            return None;
        }
        self.ahead.insert(number);
        let before = self.settled;
        while self.ahead.remove(&(self.settled + 1)) {
            self.settled += 1;
        }
        (self.settled != before).then_some(self.settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_passed_over() {
        let mut touches = Touches::default();
        assert_eq!(touches.judged(1), Some(1));
        assert_eq!([touches.judged(3), touches.judged(4)], [None, None]);
        assert_eq!(touches.judged(2), Some(4));
        assert_eq!(touches.judged(2), None, "twice");
        assert_eq!(Touches::after(7).judged(8), Some(8));
        assert_eq!(Touches::after(7).judged(6), None);
    }

    #[test]
    fn what_waits_for_a_lost_one_is_bounded_and_stays_unsettled() {
        let mut touches = Touches::default();
        for number in 2..10_000 {
            assert_eq!(touches.judged(number), None);
        }
        assert_eq!(touches.ahead.len(), AHEAD_MAX);
        assert_eq!(touches.judged(1), Some(AHEAD_MAX as u64 + 1));
    }
}
