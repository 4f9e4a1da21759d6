//! Counts of what happened.

use serde::Serialize;

/// Of one rule, agent, user or day, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Tally {
    /// Holds that were opened.
    pub held: u64,
    /// Of them: a person let them go on.
    pub approved: u64,
    /// Of them: a person refused them.
    pub denied: u64,
    /// Of them: nobody answered in time, or nobody was there.
    pub unanswered: u64,
    /// Of them: the program gave up, or ended.
    pub gone: u64,
    /// Refused without asking anybody.
    pub refused: u64,
    /// Sessions that were stopped or ended.
    pub frozen: u64,
    pub alerts: u64,
    /// What observe mode would have held, refused or stopped.
    pub would: u64,
}

impl Tally {
    /// Adds the other's counts.
    pub fn add(&mut self, other: Self) {
        self.held += other.held;
        self.approved += other.approved;
        self.denied += other.denied;
        self.unanswered += other.unanswered;
        self.gone += other.gone;
        self.refused += other.refused;
        self.frozen += other.frozen;
        self.alerts += other.alerts;
        self.would += other.would;
    }

    /// In the order of [`HEADERS`].
    #[must_use]
    pub fn columns(self) -> [u64; 9] {
        let Self { held, approved, denied, unanswered, gone, refused, frozen, alerts, would } = self;
        [held, approved, denied, unanswered, gone, refused, frozen, alerts, would]
    }
}

pub const HEADERS: [&str; 9] =
    ["HELD", "YES", "NO", "SILENCE", "GONE", "REFUSED", "FROZEN", "ALERTS", "WOULD"];
