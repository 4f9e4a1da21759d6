//! How much one session may have told in a minute: an agent that tries again and again must not fill a person's screen.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// What is told in a minute of what nobody has to act on.
const REST: u32 = 10;
/// Questions that are told in a minute: as many as may wait at once. An agent that gives up each of them and asks anew has no end of them,
/// and every one costs the thread that writes to everybody's terminal.
const QUESTIONS: u32 = 32;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Question,
    Rest,
}

#[derive(Debug, Default)]
pub struct Quota {
    since: Option<Instant>,
    questions: u32,
    rest: u32,
    left_out: u64,
}

impl Quota {
    /// Whether one more is told; what is not is counted.
    pub fn admits(&mut self, of: Of, now: Instant) -> bool {
        if self.left_out == 0 && self.is_over(now) {
            *self = Self::default(); // nothing has to be told of the minute that is over
        }
        self.since.get_or_insert(now);
        let (told, most) = match of {
            Of::Question => (&mut self.questions, QUESTIONS),
            Of::Rest => (&mut self.rest, REST),
        };
        let admitted = *told < most;
        if admitted {
            *told += 1;
        } else {
            self.left_out += 1;
        }
        admitted
    }

    /// How many were left out, once the minute is over; the next one begins with what is told then.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        if !self.is_over(now) {
            return None;
        }
        let left_out = std::mem::take(self).left_out;
        (left_out > 0).then_some(left_out)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= WINDOW)
    }

    /// Whether somebody has to be told later what was left out.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.left_out > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_some_and_the_rest_is_counted() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        let told = (0..18).filter(|_| quota.admits(Of::Rest, start)).count();
        assert_eq!((told, quota.waits()), (10, true));
        let asked = (0..40).filter(|_| quota.admits(Of::Question, start)).count();
        assert_eq!(asked, 32, "what nobody has to act on takes no room of what somebody has to");
        assert_eq!(quota.due(start + Duration::from_secs(59)), None);
        assert_eq!(quota.due(start + WINDOW), Some(16));
        assert!(!quota.waits() && quota.admits(Of::Rest, start + WINDOW));
        assert_eq!(quota.due(start + 3 * WINDOW), None);
    }

    #[test]
    fn a_full_minute_that_left_nothing_out_takes_nothing_from_a_later_one() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        assert_eq!((0..REST).filter(|_| quota.admits(Of::Rest, start)).count(), 10);
        assert!(quota.admits(Of::Rest, start + 60 * WINDOW));
    }
}
