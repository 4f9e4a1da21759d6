//! When labels, known processes and those that run are compared.

use std::{collections::HashMap, time::Duration};

use interlock_core::facts::BootNanos;

/// How often everything is looked at; at once where a record of a life was lost.
pub const EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Reconciliation {
    pub next: BootNanos,
    /// Records of lives that were lost so far.
    pub lost: u64,
    /// Processes that have ended, untold so far: their exits may stand in the ring behind what they did before. Since when.
    pub untold: HashMap<(u32, BootNanos), BootNanos>,
    /// An agent may have begun unseen.
    missed: bool,
    /// When agents may be looked for again: it takes a look at every process of the machine.
    search: BootNanos,
}

impl Reconciliation {
    /// Whether to look for agents whose exec was lost: soon after a loss, and not all the time while more is lost.
    pub fn is_search_due(&mut self, lately: bool, now: BootNanos) -> bool {
        self.missed |= lately;
        let is_due = self.missed && now >= self.search;
        if is_due {
            (self.missed, self.search) = (false, now.plus(EVERY));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_looked_for_after_a_loss_and_not_all_the_time_while_more_is_lost() {
        let at = |seconds: u64| BootNanos(seconds * 1_000_000_000);
        let mut reconciliation = Reconciliation::default();
        assert!(!reconciliation.is_search_due(false, at(1)), "nothing was lost");
        assert!(reconciliation.is_search_due(true, at(2)));
        assert!(!reconciliation.is_search_due(true, at(3)), "looked for a second ago");
        assert!(reconciliation.is_search_due(false, at(7)), "what was lost meanwhile");
        assert!(!reconciliation.is_search_due(false, at(20)), "nothing was lost since");
    }
}
