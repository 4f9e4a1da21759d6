//! Break-glass and pause: for a time everything of a session is allowed, and everything is told.
//!
//! A session is suspended or frozen, never both: who wants a frozen one to go on says so by a thaw, and a person's freeze ends it.

use std::sync::Arc;

use super::{
    decider::{Decider, Step},
    decision::Decision,
    effect::{Effect, Extra, Report},
    hold::object,
    input::{Release, Released, Waiting},
    release::told,
};
use crate::{
    facts::{HoldState, SessionId, SessionStatus, Terms},
    holds::{Ending, Object},
    record::{Entry, Kind, Who},
    sessions::{Suspension, Way},
};

/// Why a session may not be suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSuspendable {
    /// There is no such session, or it was killed.
    Over,
    /// A thaw is a decision of its own.
    Frozen,
    /// An admin's stands, which a pause must not make shorter.
    BrokenGlass,
}

impl Decider {
    /// Whether the session may be suspended as it stands.
    ///
    /// # Errors
    /// Why not.
    pub fn may_suspend(&self, id: SessionId, way: Way) -> Result<(), NotSuspendable> {
        let session = self.sessions.get(id).ok_or(NotSuspendable::Over)?;
        if session.is_frozen() {
            return Err(NotSuspendable::Frozen);
        }
        if session.status(session.started) == SessionStatus::Ended {
            return Err(NotSuspendable::Over);
        }
        let stands = session.suspension().map(|suspension| suspension.way);
        match (way, stands) {
            (Way::Pause, Some(Way::BreakGlass)) => Err(NotSuspendable::BrokenGlass),
            _ => Ok(()),
        }
    }

    /// What lets an act go on that a rule would have stopped: not what nobody may approve, and under a pause not what a rule asks more
    /// of than its owner's yes.
    pub(super) fn lets_go_on(&self, step: &Step<'_>, decision: &Decision) -> Option<String> {
        let id = decision.fact.session;
        let by = self.suspended(step, id)?;
        self.is_covered(id, &object(&decision.fact), &decision.terms()).then_some(by)
    }

    fn is_covered(&self, id: SessionId, what: &Object, terms: &Terms) -> bool {
        let way =
            self.sessions.get(id).and_then(|session| session.suspension()).map(|suspension| suspension.way);
        self.never(what).is_none() && (way != Some(Way::Pause) || terms.is_plain())
    }

    /// What lets everything of the session go on at the step's time, as it is named; `None` where its deadline has passed, also if
    /// nobody has looked since.
    pub(super) fn suspended(&self, step: &Step<'_>, id: SessionId) -> Option<String> {
        Some(self.sessions.get(id)?.suspended_at(step.now)?.text())
    }

    /// Whether nothing of the session is stopped, whatever a rule says.
    pub(super) fn stops_nothing(&self, step: &Step<'_>, id: SessionId) -> bool {
        self.observes()
            || self.sessions.get(id).is_some_and(|session| session.suspended_at(step.now).is_some())
    }

    /// Nothing of the session is stopped from now on; what waits goes on. The ledger has it already.
    pub(super) fn suspend(&mut self, step: &mut Step<'_>, id: SessionId, suspension: Suspension) {
        if self.may_suspend(id, suspension.way).is_err() || suspension.is_over(step.now) {
            return;
        }
        let by = suspension.text();
        self.report_suspension(step, id, "suspended", &suspension, None);
        if let Some(session) = self.sessions.get_mut(id) {
            session.suspension = Some(suspension);
        }
        let waiting = self.holds.waiting().filter(|hold| hold.session == id.0);
        for hold in waiting.filter(|hold| self.is_covered(id, &hold.object, &hold.terms)) {
            let detail = [
                ("grant", by.clone().into()),
                ("hold", hold.id().into()),
                ("destination", hold.target().into()),
            ];
            let entry = Entry::new(Kind::Release, Who::Daemon, Some(id), detail);
            step.push(Effect::Release(Box::new(Release { entry, what: Released::Hold(hold.number) })));
        }
        step.push(Effect::Save);
    }

    /// Lets everything of a hold go on, whoever was shown what: everything of the session does. What cannot be proved afterwards waits
    /// on for a person.
    pub(super) fn release_hold(&mut self, step: &mut Step<'_>, number: u64, recorded: bool) {
        let id = self.holds.get(number).map(|hold| SessionId(hold.session));
        let Some(by) = id.filter(|_| recorded).and_then(|id| self.suspended(step, id)) else { return };
        let ending = Ending::new(HoldState::Approved, step.now).by(&by);
        let Some(hold) = self.end_by_yes(step, number, ending) else { return };
        self.let_all_on(step, &hold, Some(&by));
        let extra = told(&hold);
        step.report(Report::Hold { name: "flow-released", at: step.now, hold: Box::new(hold), extra });
    }

    /// Lets through what a rule would have stopped, once that is recorded, and says both.
    pub(super) fn let_through(
        &self,
        step: &mut Step<'_>,
        decision: &Arc<Decision>,
        waiting: Waiting,
        by: String,
        extra: Extra,
    ) {
        let fact = &decision.fact;
        let what = object(fact).text();
        let detail =
            [("grant", by.clone().into()), ("destination", what.into()), ("rule", decision.rule().into())];
        let entry = Entry::noted(Kind::Release, Who::Daemon, fact.session, detail);
        let (decision, hop, would) = (Arc::clone(decision), None, Some(extra));
        let what = Released::Waiter { decision, waiting, by, hop, would };
        step.push(Effect::Release(Box::new(Release { entry, what })));
    }

    /// A person ends it before its time.
    pub(super) fn resume(&mut self, step: &mut Step<'_>, id: SessionId, who: Who) {
        self.end_suspension(step, id, who, "a person ended it");
    }

    /// Those end whose time is over.
    pub(super) fn end_suspensions(&mut self, step: &mut Step<'_>) {
        let over = |suspension: &Suspension| suspension.is_over(step.now);
        let suspended = self.sessions.iter().filter(|session| session.suspension().is_some_and(over));
        let over: Vec<SessionId> = suspended.map(|session| session.id).collect();
        for id in over {
            self.end_suspension(step, id, Who::Daemon, "its time is over");
        }
    }

    /// What was let through by it asks again before more of its data leaves.
    pub(super) fn end_suspension(&mut self, step: &mut Step<'_>, id: SessionId, who: Who, why: &'static str) {
        let Some(suspension) = self.sessions.get_mut(id).and_then(|session| session.suspension.take()) else {
            return;
        };
        let detail = [
            ("change", "end".into()),
            ("way", suspension.way.word().into()),
            ("why", why.into()),
            ("seconds", step.now.since(suspension.since).as_secs().into()),
        ];
        step.record(Entry::new(Kind::BreakGlass, who, Some(id), detail));
        self.report_suspension(step, id, "resumed", &suspension, Some(why));
        step.push(Effect::TakeBack(id)); // what was answered, and not used yet
        step.push(Effect::AskAgain(id));
        step.push(Effect::Save);
    }

    fn report_suspension(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        change: &'static str,
        suspension: &Suspension,
        why: Option<&'static str>,
    ) {
        let (at, suspension) = (step.now, Box::new(suspension.clone()));
        step.report(Report::Suspension { at, session, change, suspension, why });
    }
}
