//! Ends: what waited is gone, and a session is over.

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
};
use crate::{
    facts::{HoldState, SessionId},
    holds::Ending,
    record::Who,
};

impl Decider {
    /// The socket is closed by everybody.
    pub(super) fn flow_closed(&mut self, step: &mut Step<'_>, cookie: u64) {
        for number in self.holds.flow_closed(cookie) {
            self.is_gone(step, number);
        }
    }

    pub(super) fn caller_ended(&mut self, step: &mut Step<'_>, pid: u32) {
        for number in self.holds.caller_ended(pid) {
            self.is_gone(step, number);
        }
    }

    /// The session's last process has ended.
    pub(super) fn ending(&mut self, step: &mut Step<'_>, id: SessionId) {
        let waiting: Vec<u64> = self.holds.of_session(id.0).collect();
        for number in waiting {
            self.is_gone(step, number);
        }
        self.execs.forget_session(id);
        self.end_suspension(step, id, Who::Daemon, "the session is over");
    }

    /// The session is over, and its end is judged.
    pub(super) fn over(&mut self, id: SessionId) {
        self.holds.forget(id.0);
        self.sessions.remove(id);
    }

    /// The program closed the connection or ended before anybody decided.
    fn is_gone(&mut self, step: &mut Step<'_>, number: u64) {
        let Ok(hold) = self.holds.decide(number, Ending::new(HoldState::Gone, step.now)) else { return };
        step.report(Report::Hold {
            name: "hold-gone",
            at: step.now,
            hold: Box::new(hold),
            extra: Vec::new(),
        });
        step.push(Effect::Save);
    }
}
