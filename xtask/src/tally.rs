//! How many passed, failed, were skipped.

use std::{
    fmt,
    ops::AddAssign,
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

    /// Does all of it at once, each part by a thread of its own, and adds up.
    ///
    /// # Errors
    /// Of one of the parts; all have ended by then.
    pub fn side_by_side<P>(parts: impl IntoIterator<Item = P>) -> Result<Self>
    where
        P: FnOnce() -> Result<Self> + Send,
    {
        let ended = thread::scope(|scope| {
            let running: Vec<_> = parts.into_iter().map(|part| scope.spawn(part)).collect();
            running.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut total = Self::default();
        for tally in ended {
            total += tally.map_err(|_| anyhow!("a thread that watched tests ended"))??;
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
    use super::*;

    #[test]
    fn the_closing_line_has_its_format() {
        let mut total = Tally::PASSED;
        total += Tally { passed: 1, failed: 0, skipped: 4 };
        assert_eq!(total.to_string(), "2 passed, 0 failed, 4 skipped");
    }
}
