//! Silence: a deadline that nobody answered before, or a daemon that ends. It never means yes.

use super::{
    decider::{Decider, Step},
    effect::{Report, Stop},
};
use crate::{
    breaker::Response,
    facts::{Action, HoldState, SessionId},
    holds::{Ending, Hold},
    record::{Kind, Who},
};

impl Decider {
    /// Answers silence, hold by hold.
    pub(super) fn expire(&mut self, step: &mut Step<'_>) {
        for number in self.holds.expired(step.now) {
            let ending = Ending::new(HoldState::Expired, step.now).by("deadline");
            let Ok(hold) = self.holds.decide(number, ending) else { continue };
            // Stopped first: what is refused below must not run on.
            self.answer_silence(step, &hold);
            self.finish(step, hold, Kind::Expire, Who::Daemon, "hold-expired", []);
        }
    }

    fn answer_silence(&mut self, step: &mut Step<'_>, hold: &Hold) {
        let session = SessionId(hold.session);
        // A hold may wait under a suspension where its release could not be recorded, or a pause does not reach it.
        let stops_nothing = self.stops_nothing(step, session);
        let Some(known) = self.sessions.get_mut(session) else { return };
        if hold.then < Action::Freeze {
            return known.breaker.on_denied(step.now);
        }
        let why = format!("nobody answered {} in time", hold.id());
        if stops_nothing {
            let (at, rule) = (step.now, hold.rule.clone());
            return step.report(Report::WouldFreeze { at, session, rule, why });
        }
        let mut response = known.breaker.on_trip(step.now);
        if hold.then == Action::Kill {
            response = Response::Kill;
        }
        let who = Who::Rule(hold.rule.clone());
        self.stop(step, response, Stop { session, who, why, asked: step.now });
    }

    /// The daemon ends, and its kernel programs with it.
    pub(super) fn deny_all(&mut self, step: &mut Step<'_>, why: &str) {
        let waiting: Vec<u64> = self.holds.waiting().map(|hold| hold.number).collect();
        for number in waiting {
            let ending = Ending::new(HoldState::Denied, step.now).by(why);
            if let Ok(hold) = self.holds.decide(number, ending) {
                self.finish(step, hold, Kind::Deny, Who::Daemon, "flow-denied", []);
            }
        }
    }
}
