//! The breaker of one session: closed → open (frozen) → probation → closed. Pure: it never acts and reads no clock.
//!
//! # Trip conditions
//! A rule with the action freeze or kill, the end of a hold nobody answered (by rule), or a risk budget that is spent
//! ([`risk`]). The caller reports each as [`Breaker::on_trip`]. While the breaker is open, further trips change nothing. A
//! person's freeze ([`Breaker::on_person_freeze`]) opens it too, and is no trip.
//!
//! # Recovery conditions
//! Only a person's thaw ([`Breaker::on_thaw`]) closes an open breaker; time alone never does. A thaw leads to probation.
//!
//! # Probation
//! Entered by a thaw, or by a hold that was denied ([`Breaker::on_denied`]). In probation nothing is held any more: the
//! next thing that a rule would hold freezes the tree. After a thaw a second trip kills; after a denial the first trip
//! still only freezes. Every denial and every thaw starts the quiet time anew, and a quiet time without trouble
//! (30 min by default) closes the breaker.

pub mod risk;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::facts::{BootNanos, SessionStatus};

/// Time without trouble after which probation ends.
pub const QUIET: Duration = Duration::from_secs(30 * 60);

/// What the breaker answers; the caller carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Response {
    Hold,
    Freeze,
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Closed,
    /// The tree is frozen.
    Open,
    Probation {
        since: BootNanos,
        /// The tree was frozen before: a further trip kills.
        tripped: bool,
    },
    Killed,
}

/// State of one session's breaker; see the module for its transitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    state: State,
    #[serde(skip, default = "quiet")]
    quiet: Duration,
}

fn quiet() -> Duration {
    QUIET
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(QUIET)
    }
}

impl Breaker {
    /// A closed breaker whose probation ends after `quiet` without trouble.
    #[must_use]
    pub fn new(quiet: Duration) -> Self {
        Self { state: State::Closed, quiet }
    }

    /// Something that must stop the tree happened.
    pub fn on_trip(&mut self, now: BootNanos) -> Response {
        self.settle(now);
        match self.state {
            State::Closed | State::Open | State::Probation { tripped: false, .. } => {
                self.state = State::Open;
                Response::Freeze
            }
            State::Probation { tripped: true, .. } | State::Killed => {
                self.state = State::Killed;
                Response::Kill
            }
        }
    }

    /// The tree was found frozen: it is open, whatever was known of it. One that was to be killed lives: a person decides.
    pub fn found_open(&mut self) {
        self.state = State::Open;
    }

    /// A person froze the tree. That accuses nobody, so it never kills, also in probation.
    pub fn on_person_freeze(&mut self) {
        if self.state != State::Killed {
            self.state = State::Open;
        }
    }

    /// A rule said kill, and the tree was killed.
    pub fn on_kill(&mut self) {
        self.state = State::Killed;
    }

    /// A rule would hold an action. The first attempt is held; in probation the tree is frozen instead.
    pub fn on_hold_rule(&mut self, now: BootNanos) -> Response {
        self.settle(now);
        match self.state {
            State::Closed => Response::Hold,
            State::Open | State::Probation { .. } => {
                self.state = State::Open;
                Response::Freeze
            }
            State::Killed => Response::Kill,
        }
    }

    /// A person denied a held action.
    pub fn on_denied(&mut self, now: BootNanos) {
        self.settle(now);
        self.state = match self.state {
            State::Closed => State::Probation { since: now, tripped: false },
            State::Probation { tripped, .. } => State::Probation { since: now, tripped },
            // A denial neither thaws nor revives.
            state @ (State::Open | State::Killed) => state,
        };
    }

    /// A person thawed the tree. Returns false, and changes nothing, where it was not frozen.
    pub fn on_thaw(&mut self, now: BootNanos) -> bool {
        let open = self.state == State::Open;
        if open {
            self.state = State::Probation { since: now, tripped: true };
        }
        open
    }

    /// The session's status as far as the breaker knows it: running, frozen, probation or ended.
    #[must_use]
    pub fn status(&self, now: BootNanos) -> SessionStatus {
        match self.state {
            State::Probation { since, .. } if !self.quiet_over(since, now) => SessionStatus::Probation,
            State::Closed | State::Probation { .. } => SessionStatus::Running,
            State::Open => SessionStatus::Frozen,
            State::Killed => SessionStatus::Ended,
        }
    }

    fn settle(&mut self, now: BootNanos) {
        if let State::Probation { since, .. } = self.state
            && self.quiet_over(since, now)
        {
            self.state = State::Closed;
        }
    }

    fn quiet_over(&self, since: BootNanos, now: BootNanos) -> bool {
        now.since(since) >= self.quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minutes: u64) -> BootNanos {
        BootNanos(minutes * 60_000_000_000)
    }

    #[test]
    fn a_trip_freezes_until_a_person_thaws() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.status(minute(0)), SessionStatus::Running);
        assert_eq!(breaker.on_trip(minute(1)), Response::Freeze);
        assert_eq!(breaker.status(minute(100_000)), SessionStatus::Frozen);
        assert!(breaker.on_thaw(minute(100_001)));
        assert_eq!(breaker.status(minute(100_001)), SessionStatus::Probation);
    }

    #[test]
    fn trips_of_a_frozen_tree_do_not_escalate() {
        let mut breaker = Breaker::default();
        breaker.on_trip(minute(1));
        assert_eq!(breaker.on_trip(minute(1)), Response::Freeze);
        assert_eq!(breaker.on_hold_rule(minute(1)), Response::Freeze);
        assert_eq!(breaker.status(minute(1)), SessionStatus::Frozen);
    }

    #[test]
    fn a_second_trip_in_probation_kills() {
        let mut breaker = Breaker::default();
        breaker.on_trip(minute(1));
        breaker.on_thaw(minute(2));
        assert_eq!(breaker.on_trip(minute(31)), Response::Kill);
        assert_eq!(breaker.status(minute(31)), SessionStatus::Ended);
        assert_eq!(breaker.on_hold_rule(minute(32)), Response::Kill);
        assert!(!breaker.on_thaw(minute(33)), "what was killed cannot be thawed");
    }

    #[test]
    fn a_quiet_time_closes_the_breaker() {
        let mut breaker = Breaker::default();
        breaker.on_trip(minute(1));
        breaker.on_thaw(minute(2));
        assert_eq!(breaker.status(minute(31)), SessionStatus::Probation);
        assert_eq!(breaker.status(minute(32)), SessionStatus::Running);
        assert_eq!(breaker.on_hold_rule(minute(32)), Response::Hold);
        assert_eq!(breaker.on_trip(minute(33)), Response::Freeze, "as if for the first time");
    }

    #[test]
    fn after_a_denial_the_second_attempt_freezes() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.on_hold_rule(minute(1)), Response::Hold);
        breaker.on_denied(minute(2));
        assert_eq!(breaker.status(minute(2)), SessionStatus::Probation);
        assert_eq!(breaker.on_hold_rule(minute(3)), Response::Freeze);
        assert_eq!(breaker.status(minute(3)), SessionStatus::Frozen);
    }

    #[test]
    fn a_trip_after_a_denial_freezes_and_only_the_next_kills() {
        let mut breaker = Breaker::default();
        breaker.on_denied(minute(1));
        assert_eq!(breaker.on_trip(minute(2)), Response::Freeze);
        breaker.on_thaw(minute(3));
        assert_eq!(breaker.on_trip(minute(4)), Response::Kill);
    }

    #[test]
    fn each_denial_starts_the_quiet_time_anew_and_keeps_the_trip() {
        let mut breaker = Breaker::default();
        breaker.on_trip(minute(1));
        breaker.on_thaw(minute(2));
        breaker.on_denied(minute(20));
        assert_eq!(breaker.status(minute(49)), SessionStatus::Probation);
        assert_eq!(breaker.on_trip(minute(49)), Response::Kill);
    }

    #[test]
    fn a_denial_does_not_thaw() {
        let mut breaker = Breaker::default();
        breaker.on_trip(minute(1));
        breaker.on_denied(minute(2));
        assert_eq!(breaker.status(minute(2)), SessionStatus::Frozen);
    }

    #[test]
    fn a_thaw_of_a_running_session_changes_nothing() {
        let mut breaker = Breaker::default();
        assert!(!breaker.on_thaw(minute(1)));
        assert_eq!(breaker.status(minute(1)), SessionStatus::Running);
    }

    #[test]
    fn a_persons_freezes_never_kill() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.on_person_freeze();
            assert_eq!(breaker.status(minute(0)), SessionStatus::Frozen);
            assert!(breaker.on_thaw(minute(0)));
            assert_eq!(breaker.status(minute(0)), SessionStatus::Probation);
        }
        breaker.on_kill();
        breaker.on_person_freeze();
        assert_eq!(breaker.status(minute(0)), SessionStatus::Ended, "what was killed stays so");
    }

    #[test]
    fn a_kill_by_rule_ends_the_session() {
        let mut breaker = Breaker::default();
        breaker.on_kill();
        assert_eq!(breaker.on_trip(minute(1)), Response::Kill);
        assert_eq!(breaker.status(minute(1)), SessionStatus::Ended);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_end_probation() {
        let mut breaker = Breaker::default();
        breaker.on_denied(minute(10));
        assert_eq!(breaker.status(minute(0)), SessionStatus::Probation);
    }
}
