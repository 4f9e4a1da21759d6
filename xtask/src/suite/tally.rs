//! How many passed, failed, were skipped.

use std::{
    fmt,
    ops::AddAssign,
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};

use super::steps::Runner;

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

/// Adds up what a test runner says about its tests.
pub fn of_output(runner: Runner, output: &str) -> Tally {
    let mut total = Tally::default();
    for line in output.lines() {
        let counts = match runner {
            Runner::Nextest => {
                line.trim_start().strip_prefix("Summary ").and_then(|rest| rest.split_once("run: "))
            }
            Runner::Libtest => line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")),
        };
        if let Some((_, counts)) = counts {
            total += of_counts(counts);
        }
    }
    total
}

/// `3 passed (1 slow), 1 failed, 2 timed out, 1 skipped` or `3 passed; 1 failed; 1 ignored; …`.
fn of_counts(counts: &str) -> Tally {
    let mut tally = Tally::default();
    for part in counts.split([',', ';', '(', ')']) {
        let Some((number, word)) = part.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match word {
            "passed" => tally.passed += number,
            "failed" | "timed out" | "exec failed" => tally.failed += number,
            "skipped" | "ignored" => tally.skipped += number,
            _ => {} // slow, flaky, leaky: said of tests that are counted already
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_is_read() {
        let output = "  SLOW [> 30.000s] ( 1/12) a b\n     Summary [   0.412s] 12 tests run: 8 passed (1 slow, 2 flaky), \
                      2 failed, 1 timed out, 1 exec failed, 3 skipped\n        FAIL [   0.1s] a b\n";
        assert_eq!(of_output(Runner::Nextest, output), Tally { passed: 8, failed: 4, skipped: 3 });
    }

    #[test]
    fn an_interrupted_run_of_nextest_is_read() {
        let output = "     Summary [   0.412s] 3/12 tests run: 2 passed, 1 failed, 9 skipped\n";
        assert_eq!(of_output(Runner::Nextest, output), Tally { passed: 2, failed: 1, skipped: 9 });
    }

    #[test]
    fn every_binary_of_libtest_is_added() {
        let output = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(of_output(Runner::Libtest, output), Tally { passed: 6, failed: 2, skipped: 1 });
    }

    #[test]
    fn what_a_test_prints_is_not_counted() {
        assert_eq!(of_output(Runner::Nextest, "Summary of 3 things: 9 passed\n"), Tally::default());
        assert_eq!(of_output(Runner::Libtest, "error: 9 failed\n"), Tally::default());
    }

    #[test]
    fn the_closing_line_has_its_format() {
        let mut total = Tally::PASSED;
        total += Tally { passed: 1, failed: 0, skipped: 4 };
        assert_eq!(total.to_string(), "2 passed, 0 failed, 4 skipped");
    }
}
