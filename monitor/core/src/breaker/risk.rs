//! Risk: points per rule that add up over a session and halve with time.

use std::time::Duration;

use crate::facts::BootNanos;

/// Points at which a session's breaker trips.
pub const BUDGET: u32 = 100;

/// The id that stands for a rule where the budget is what trips the breaker.
pub const RULE: &str = "risk-budget";

/// Time in which a level halves.
pub const HALF_LIFE: Duration = Duration::from_secs(30 * 60);

/// Risk of one session.
#[derive(Clone, Debug)]
pub struct Risk {
    level: f64,
    at: BootNanos,
    half_life: Duration,
}

impl Default for Risk {
    fn default() -> Self {
        Self::new(HALF_LIFE)
    }
}

impl Risk {
    /// No risk yet. A `half_life` of zero never keeps any.
    #[must_use]
    pub fn new(half_life: Duration) -> Self {
        Self { level: 0.0, at: BootNanos(0), half_life }
    }

    pub fn add(&mut self, points: u32, now: BootNanos) {
        self.level = self.decayed(now) + f64::from(points);
        self.at = self.at.max(now);
    }

    /// Takes back points that a person's approval has settled.
    pub fn forgive(&mut self, points: u32, now: BootNanos) {
        self.level = (self.decayed(now) - f64::from(points)).max(0.0);
        self.at = self.at.max(now);
    }

    /// Points left at `now`, rounded to the nearest.
    #[must_use]
    pub fn level(&self, now: BootNanos) -> u32 {
        // A float cast saturates, and a level is never negative.
        self.decayed(now).round() as u32
    }

    /// Whether the budget is spent, so that the breaker must trip.
    #[must_use]
    pub fn spent(&self, budget: u32, now: BootNanos) -> bool {
        self.level(now) >= budget
    }

    fn decayed(&self, now: BootNanos) -> f64 {
        if self.level == 0.0 {
            return 0.0;
        }
        let age = now.since(self.at);
        if self.half_life.is_zero() {
            return if age.is_zero() { self.level } else { 0.0 };
        }
        self.level * 0.5_f64.powf(age.as_secs_f64() / self.half_life.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minutes: u64) -> BootNanos {
        BootNanos(minutes * 60_000_000_000)
    }

    #[test]
    fn points_add_up_and_halve() {
        let mut risk = Risk::default();
        risk.add(60, minute(0));
        assert_eq!(risk.level(minute(0)), 60);
        assert_eq!(risk.level(minute(30)), 30);
        risk.add(60, minute(30));
        assert_eq!(risk.level(minute(30)), 90);
        assert_eq!(risk.level(minute(90)), 23);
    }

    #[test]
    fn the_budget_is_spent_at_its_very_value() {
        let mut risk = Risk::default();
        risk.add(99, minute(1));
        assert!(!risk.spent(BUDGET, minute(1)));
        risk.add(1, minute(1));
        assert!(risk.spent(BUDGET, minute(1)));
        assert!(!risk.spent(BUDGET, minute(2)));
    }

    #[test]
    fn forgiving_never_goes_below_zero() {
        let mut risk = Risk::default();
        risk.add(10, minute(0));
        risk.forgive(60, minute(1));
        assert_eq!(risk.level(minute(1)), 0);
    }

    #[test]
    fn a_late_fact_neither_grows_nor_rewinds_the_level() {
        let mut risk = Risk::default();
        risk.add(40, minute(30));
        risk.add(10, minute(0));
        assert_eq!(risk.level(minute(30)), 50);
        assert_eq!(risk.level(minute(60)), 25);
    }

    #[test]
    fn many_points_saturate() {
        let mut risk = Risk::default();
        risk.add(u32::MAX, minute(0));
        risk.add(u32::MAX, minute(0));
        assert_eq!(risk.level(minute(0)), u32::MAX);
    }

    #[test]
    fn a_zero_half_life_keeps_nothing() {
        let mut risk = Risk::new(Duration::ZERO);
        risk.add(50, minute(1));
        assert_eq!(risk.level(minute(1)), 50);
        assert_eq!(risk.level(minute(2)), 0);
    }
}
