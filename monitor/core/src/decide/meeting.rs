//! Meetings: what a session has read counts for every session that it can have told, because nobody sees what they say.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
};
use crate::{facts::SessionId, rules::Touch};

impl Decider {
    /// The sessions, and whom they have met, and whom those have met; of one user, as what one user's agents do is no reason to
    /// stop another's. `met` is what the kernel knows of one session.
    #[must_use]
    pub fn reached(
        &self,
        from: &[SessionId],
        met: &dyn Fn(SessionId) -> Vec<SessionId>,
    ) -> BTreeSet<SessionId> {
        let user = |id: SessionId| self.sessions.get(id).map(|session| session.user);
        let of = from.first().and_then(|id| user(*id));
        let is_theirs = |id: &SessionId| of.is_some() && user(*id) == of;
        let mut group: BTreeSet<SessionId> = from.iter().copied().filter(is_theirs).collect();
        let mut new: Vec<SessionId> = group.iter().copied().collect();
        while let Some(id) = new.pop() {
            let met = met(id).into_iter().filter(is_theirs);
            new.extend(met.filter(|other| group.insert(*other)));
        }
        group
    }

    /// What any of them has touched counts for all of them, and so does that something of one is unknown.
    pub(super) fn met(&mut self, step: &mut Step<'_>, group: &BTreeSet<SessionId>) {
        let sessions = group.iter().filter_map(|id| self.sessions.get(*id));
        let unknown = sessions.clone().any(|session| session.incomplete);
        let touches = sessions
            .flat_map(|session| session.memory.touches().iter().map(|touch| (session.id, Arc::clone(touch))));
        let known: Vec<(SessionId, Arc<Touch>)> = touches.collect();
        for id in group {
            self.take_over(step, *id, &known);
            if unknown {
                let root = self.sessions.process(id.root()).cloned().unwrap_or_default();
                self.lacks(step, *id, root, "it has met a session of which something is unknown");
            }
        }
    }

    fn take_over(&mut self, step: &mut Step<'_>, id: SessionId, known: &[(SessionId, Arc<Touch>)]) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let mut paths: Vec<String> = Vec::new();
        for (from, touch) in known {
            let counts = touch.foreign && !session.owns(Path::new(&touch.path));
            if counts && session.memory.take_over(touch, *from) {
                session.remember(format!("{:?} foreign {} {}", touch.grade, touch.class, touch.path));
                paths.push(touch.path.clone());
            }
        }
        if paths.is_empty() {
            return;
        }
        self.gate_by_memory(step, id);
        // The kernel did so for those that the one that touched has met itself, before this was known.
        step.push(Effect::AskAgain(id));
        step.report(Report::TouchShared { at: step.now, session: id, paths });
    }
}
