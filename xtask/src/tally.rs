//! How many passed, failed, were skipped.

use std::{
    fmt,
    ops::AddAssign,
    sync::{Mutex, PoisonError},
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// What became of a part that not every machine can run.
pub enum Outcome {
    Ran(Tally),
    /// Why it cannot run here, and what to install.
    NotHere(String),
}

impl Outcome {
    /// Skipped, loudly, where it cannot run.
    pub fn tally(self) -> Tally {
        match self {
            Self::Ran(tally) => tally,
            Self::NotHere(why) => {
                eprintln!("SKIPPED: {why}");
                Tally { skipped: 1, ..Tally::default() }
            }
        }
    }
}

impl Tally {
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// Does all parts, no more than `at_once` at a time and in their order, and adds up.
    ///
    /// # Errors
    /// Of one of the parts; all have ended by then.
    pub fn side_by_side<P>(at_once: usize, parts: impl IntoIterator<Item = P>) -> Result<Self>
    where
        P: FnOnce() -> Result<Self> + Send,
    {
        let waiting = Mutex::new(parts.into_iter().collect::<Vec<_>>().into_iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let ended = thread::scope(|scope| {
            let work = || std::iter::from_fn(next).map(|part| part()).collect::<Vec<_>>();
            let running: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut total = Self::default();
        for tallies in ended {
            for tally in tallies.map_err(|_| anyhow!("a thread that watched tests ended"))? {
                total += tally?;
            }
        }
        Ok(total)
    }

    /// The tally of one step in words.
    pub fn verdict(&self) -> String {
        match *self {
            Self::PASSED => "passed".to_owned(),
            Self::FAILED => "failed".to_owned(),
            tally => tally.to_string(),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line; programs read it.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_closing_line_has_its_format() {
        let mut total = Tally::PASSED;
        total += Tally { passed: 1, failed: 0, skipped: 4 };
        assert_eq!(total.to_string(), "2 passed, 0 failed, 4 skipped");
    }

    #[test]
    fn every_part_is_done_once_and_no_more_at_once_than_may_be() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let parts = (0..9).map(|_| {
            || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Tally::PASSED)
            }
        });
        assert_eq!(Tally::side_by_side(2, parts).unwrap(), Tally { passed: 9, failed: 0, skipped: 0 });
        assert!(most.into_inner() <= 2);
    }
}
