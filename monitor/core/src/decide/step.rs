//! One step: an input, and what follows from it.

use super::{
    decider::{Decider, Step},
    effect::Effect,
    input::Input,
};
use crate::{
    facts::{BootNanos, SessionId},
    holds::HeldFlow,
};

impl Decider {
    /// Takes one input in, at the boot clock's `now`, and puts what follows from it at the end of `out`.
    pub fn step(&mut self, now: BootNanos, input: Input, out: &mut Vec<Effect>) {
        let step = &mut Step { now, out };
        match input {
            Input::Act(act) => self.judge(step, *act),
            Input::AsksAgain(flow) => self.asks_again(&flow),
            Input::Reconnected { cookie, let_on } => self.reconnected(step, cookie, let_on),
            Input::Sent { key, progress } => self.sent(step, &key, progress),
            Input::FlowClosed { cookie } => self.flow_closed(step, cookie),
            Input::CallerEnded { pid } => self.caller_ended(step, pid),
            Input::Ending(session) => self.ending(step, session),
            Input::Over(session) => self.over(session),
            Input::Approved(approval) => self.approve(step, &approval),
            Input::Denied(denial) => self.deny(step, denial),
            Input::Revoked { hold, who } => self.revoke(step, hold, who),
            Input::FreezeAsked { session, who } => self.freeze_by(step, session, who),
            Input::KillAsked { session, who } => self.kill_by(step, session, who),
            Input::Thawed { session, who } => self.thaw(step, session, who),
            Input::Recorded { release, recorded } => self.recorded(step, *release, recorded),
            Input::Suspended { session, suspension } => self.suspend(step, session, *suspension),
            Input::Resumed { session, who } => self.resume(step, session, who),
            Input::Stopped { session, outcome } => self.stopped(step, session, &outcome),
            Input::Shown { hold } => self.holds.show(hold),
            Input::Restored(hold) => self.holds.restore(*hold),
            Input::RestoredGrants(grants) => {
                let live = |session| self.sessions.get(SessionId(session)).is_some();
                self.holds.grants.restore(grants, live);
            }
            Input::RestoredLetGo(flows) => self.restore_let_go(step, flows),
            Input::Met(sessions) => self.met(step, &sessions),
            Input::Doubted { session, process, why } => self.doubted(step, session, *process, why),
            Input::Lost { session, records } => self.lost(step, session, records),
            Input::NotGated(session) => self.not_gated(session),
            Input::Tick => {
                self.end_suspensions(step);
                self.expire(step);
            }
            Input::Ends { why } => {
                self.deny_all(step, &why);
                self.follow_nothing(step);
            }
        }
    }

    /// As [`Decider::step`], where nobody carries effects out: each release is answered at once, as by a ledger that took it or did not
    /// (`recorded`), and what follows stands behind it.
    pub(crate) fn step_recorded(
        &mut self,
        now: BootNanos,
        input: Input,
        recorded: bool,
        out: &mut Vec<Effect>,
    ) {
        let mut followed = Vec::new();
        self.step(now, input, &mut followed);
        for effect in followed {
            let release = if let Effect::Release(release) = &effect { Some(release.clone()) } else { None };
            out.push(effect);
            if let Some(release) = release {
                self.step(now, Input::Recorded { release, recorded }, out);
            }
        }
    }

    fn asks_again(&mut self, asked: &HeldFlow) {
        if let Some(held) = self.holds.of_flow_mut(asked) {
            // A newer generation only means that more was touched meanwhile.
            held.generation = held.generation.max(asked.generation);
        }
    }

    fn not_gated(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.gated = false; // the next fact tries again
        }
    }
}
