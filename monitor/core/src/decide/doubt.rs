//! What is not known of a session: what its rules ask for may be the very thing, so its connections ask.

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
};
use crate::facts::{Process, SessionId};

impl Decider {
    /// Something that it did is unknown. Nobody it has met knows more.
    pub(super) fn doubted(
        &mut self,
        step: &mut Step<'_>,
        id: SessionId,
        process: Process,
        why: &'static str,
    ) {
        if self.lacks(step, id, process, why) {
            step.push(Effect::PassOn(id));
        }
    }

    /// Records of it were lost, `records` since it began. That its connections ask from then on, the kernel knows by itself.
    pub(super) fn lost(&mut self, step: &mut Step<'_>, id: SessionId, records: u64) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| records > session.lost) else {
            return;
        };
        session.lost = records;
        session.incomplete = true;
        step.report(Report::Lost { at: step.now, session: id, records });
        step.push(Effect::PassOn(id));
    }

    /// Something of it is unknown from now on; returns whether that is news.
    pub(super) fn lacks(
        &mut self,
        step: &mut Step<'_>,
        id: SessionId,
        process: Process,
        why: &'static str,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.incomplete) else {
            return false;
        };
        session.incomplete = true;
        if !session.gated {
            session.gated = true;
            step.push(Effect::Gate(id));
        }
        step.push(Effect::AskAgain(id));
        step.report(Report::Incomplete { at: step.now, session: id, process, why });
        true
    }
}
