//! How often a watch that fails is tried again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

use crate::access::ANSWER;

/// Twice as long after each failure, from the first to the longest, and begun anew by what goes well.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
    /// So many requests at most within [`Pace::span`], however well they go.
    pub requests: u64,
    pub span: Duration,
    /// Who has not begun to answer by then is away.
    pub answer: Duration,
}

impl Default for Pace {
    /// Kind to an API that comes back while every node of the cluster waits for it.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            requests: 20,
            span: Duration::from_secs(20),
            answer: ANSWER,
        }
    }
}

impl Pace {
    /// Pauses that differ by up to half from those of other nodes: `seed` is this one's.
    pub fn pauses(self, seed: &str) -> Pauses {
        let sum = seed.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Pauses { pace: self, next: self.first, share: sum % 50 }
    }
}

/// The pauses of one watch.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    pace: Pace,
    next: Duration,
    /// Hundredths that are added.
    share: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(self.pace.longest);
        Some(pause + pause * self.share / 100)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.next = self.pace.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_anew() {
        let pace = Pace { first: Duration::from_secs(1), longest: Duration::from_secs(3), ..Pace::default() };
        let mut pauses = Pauses { share: 50, ..pace.pauses("n") };
        let seconds: Vec<f32> = pauses.by_ref().take(4).map(|pause| pause.as_secs_f32()).collect();
        assert_eq!(seconds, [1.5, 3.0, 4.5, 4.5]);
        pauses.reset();
        assert_eq!(pauses.next(), Some(Duration::from_millis(1500)));
        assert_ne!(pace.pauses("worker-1").share, pace.pauses("worker-2").share);
    }
}
