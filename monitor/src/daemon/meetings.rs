//! Sessions that can hand each other what they have read: what one of them has touched counts for the other, because nobody sees
//! what they say. Only later acts are judged by it: the other one has read nothing, so no rule about reading is asked.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use monitor_common::event::meeting::{Meeting, how};

use super::engine::Engine;
use interlock_core::{
    decide::Input,
    facts::{BootNanos, SessionId},
    recognition,
    rules::Touch,
    sessions::Session,
};
use interlock_host::clock::boot_now;

impl Engine {
    pub fn on_meeting(&mut self, meeting: &Meeting) {
        let (one, other) = (SessionId(meeting.header.session), SessionId(meeting.other));
        self.tell_meeting(meeting, one, other);
        self.pass_on([one, other]); // who was met may have been pushed out of the kernel's list
        self.settle_touch(one, meeting.touch);
        self.settle_touch(other, meeting.other_touch);
    }

    fn tell_meeting(&mut self, meeting: &Meeting, one: SessionId, other: SessionId) {
        let process = self.decider.sessions.actor(one, meeting.header.tgid).cloned().unwrap_or_default();
        let place = match meeting.how {
            how::UNIX_SOCKET => "a Unix socket",
            how::PORT => "a TCP port of this machine",
            _ => "a named pipe",
        };
        let event = self
            .event("sessions-met", BootNanos(meeting.header.at_ns), one)
            .process(&process)
            .with("session.met", other.to_string())
            .with(
                "message",
                format!("by {place}: what one of them has read counts for the other from now on"),
            );
        self.publish(event);
    }

    /// What these sessions have touched counts for all that they can reach by meetings.
    pub fn pass_on<const N: usize>(&mut self, from: [SessionId; N]) {
        let group = self.reached(from);
        if group.len() < 2 {
            return;
        }
        group.iter().for_each(|id| self.notice_losses_of(*id)); // before a touch is settled
        let sessions = group.iter().filter_map(|id| self.decider.sessions.get(*id));
        let known: Vec<(SessionId, Arc<Touch>)> = sessions.clone().flat_map(touches).collect();
        let unknown = sessions.clone().any(|session| session.incomplete);
        for id in group {
            self.count_for(id, &known);
            if unknown {
                let root = self.decider.sessions.process(id.root()).cloned().unwrap_or_default();
                self.mark_incomplete(id, &root, "it has met a session of which something is unknown");
            }
        }
    }

    /// The sessions, and whom they have met, and whom those have met; of one user, as what one user's agents do is no reason to stop
    /// another's.
    fn reached<const N: usize>(&self, from: [SessionId; N]) -> BTreeSet<SessionId> {
        let user = |id: SessionId| self.decider.sessions.get(id).map(|session| session.user);
        let of = from.first().and_then(|id| user(*id));
        let mut group: BTreeSet<SessionId> =
            from.into_iter().filter(|id| of.is_some() && user(*id) == of).collect();
        let mut new: Vec<SessionId> = group.iter().copied().collect();
        while let Some(id) = new.pop() {
            let met = self.maps.met(id).into_iter().filter(|other| user(*other) == of);
            new.extend(met.filter(|other| group.insert(*other)));
        }
        group
    }

    fn count_for(&mut self, id: SessionId, known: &[(SessionId, Arc<Touch>)]) {
        let Some(session) = self.decider.sessions.get_mut(id) else { return };
        let mut news: Vec<String> = Vec::new();
        for (from, touch) in known {
            let counts = touch.foreign && !is_own(session, Path::new(&touch.path));
            if counts && session.memory.take_over(touch, *from) {
                session.remember(format!("{:?} foreign {} {}", touch.grade, touch.class, touch.path));
                news.push(touch.path.clone());
            }
        }
        if news.is_empty() {
            return;
        }
        self.step(Input::Remembers(id));
        // The kernel did so for those that the one that touched has met itself, before this was known.
        self.ask_again(id);
        let event = self.event("touch-shared", boot_now(), id).with("file.paths", news);
        self.publish(event);
    }

    /// Connections of a session that were let through ask about what they send next.
    pub fn ask_again(&mut self, id: SessionId) {
        if let Err(error) = self.maps.renew(id) {
            // Fails open for connections that were let through, visibly: the session is over, or the map is gone.
            tracing::error!(session = %id, %error, "the session's connections are not asked about again");
        }
    }
}

fn touches(session: &Session) -> impl Iterator<Item = (SessionId, Arc<Touch>)> {
    session.memory.touches().iter().map(|touch| (session.id, Arc::clone(touch)))
}

/// What lies in its own trees is the session's also where somebody else has read it.
fn is_own(session: &Session, path: &Path) -> bool {
    let trees = session.workspace.iter().chain(&session.project);
    session.is_served(path) || trees.into_iter().any(|tree| !recognition::is_outside(Some(tree), path))
}
