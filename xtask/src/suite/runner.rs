//! What runs the tests, and what it says about them.

use std::process::Command;

use crate::{process, tally::Tally};

/// What runs the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    Nextest,
    /// `cargo test`.
    Libtest,
}

impl Runner {
    /// nextest where it is installed.
    pub fn found() -> Self {
        match process::answer(Command::new("cargo").args(["nextest", "--version"])) {
            Ok(_) => Self::Nextest,
            Err(_) => Self::Libtest,
        }
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
}
