//! What is seen, one line each, and the count.

use std::fmt::Display;

use anyhow::Result;

use crate::tally::Tally;

#[derive(Default)]
pub struct Checks {
    tally: Tally,
}

impl Checks {
    /// Prints whether `what` is so, and goes on either way.
    pub fn see(&mut self, what: impl Display, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                self.tally.passed += 1;
                eprintln!("ok      {what}");
            }
            Err(error) => {
                self.tally.failed += 1;
                eprintln!("FAILED  {what}: {error:#}");
            }
        }
    }

    pub fn tally(self) -> Tally {
        self.tally
    }
}
