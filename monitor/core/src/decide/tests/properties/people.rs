//! What people do.

use super::*;
use crate::{
    holds::extent::More,
    sessions::{Suspension, Way},
};

impl Driver {
    pub fn show(&mut self, place: usize) {
        let Some(hold) = self.hold(place) else { return };
        let effects = self.step(Input::Shown { hold });
        self.model.show(hold);
        self.check(&effects, &Outcome::default());
    }

    pub fn approve(&mut self, place: usize, person: u32, reach: Reach) {
        let Some(hold) = self.hold(place) else { return };
        let who = Who::caller(person, 1);
        let approval = Approval { extent: extent(reach), ..Approval::of(hold, who) };
        let may = self.decider.may_approve(&approval).is_ok();
        assert_eq!(may, self.model.may_approve(hold, person));
        let lets_go = may && self.model.is_last(hold);
        let waited: BTreeSet<Waiter> = self.model.holds[&hold].waiting().copied().collect();
        let effects = self.step(Input::Approved(approval));
        let allowed: BTreeSet<Waiter> =
            outcome(&effects).answers.into_iter().map(|(_, waiter)| waiter).collect();
        assert_eq!(
            allowed,
            if lets_go { waited } else { BTreeSet::new() },
            "what it was given for, and nothing else"
        );
        assert_eq!(effects.is_empty(), !may, "a yes of several is told, and what is refused changes nothing");
        let expected = self.model.approve(self.now, hold, person, reach);
        self.check(&effects, &expected);
        if lets_go {
            self.check_decided_once(hold);
        }
    }

    /// What was granted is taken back: no later question is answered by it.
    pub fn revoke(&mut self, hold: u64) {
        let effects = self.step(Input::Revoked { hold, who: PERSON });
        let revoked = self.model.revoke(hold);
        assert_eq!(records(&effects).contains(&Kind::Revoke), revoked, "{effects:?}");
        assert_eq!(effects.iter().any(|effect| matches!(effect, Effect::AskAgain(_))), revoked);
        self.check(&effects, &Outcome::default());
    }

    /// Two people decide at once: the second one comes too late, whatever that one says.
    fn check_decided_once(&mut self, hold: u64) {
        let who = Who::caller(9, 1);
        let approval = Approval::of(hold, who.clone());
        for late in [Input::Approved(approval), Input::Denied(Denial::of(hold, who))] {
            assert!(self.step(late).is_empty());
        }
    }

    pub fn deny(&mut self, place: usize, person: u32) {
        let Some(hold) = self.hold(place) else { return };
        let who = Who::caller(person, 1);
        let effects = self.step(Input::Denied(Denial::of(hold, who)));
        assert!(records(&effects).contains(&Kind::Deny), "{effects:?}");
        let expected = self.model.deny(self.now, hold);
        self.check(&effects, &expected);
        self.check_decided_once(hold);
    }

    pub fn freeze_by(&mut self, session: usize) {
        let effects = self.step(Input::FreezeAsked { session: id(session), who: PERSON });
        let expected = self.model.freeze_by(self.now, session);
        self.check(&effects, &expected);
    }

    /// What waits under no other session's holds goes on, each with its record before it.
    pub fn suspend(&mut self, session: usize, span: Seconds) {
        let suspension = Suspension {
            way: Way::BreakGlass,
            since: at(self.now),
            until: at(self.now + span),
            who: PERSON,
            reason: "because".into(),
        };
        let may = self.decider.may_suspend(id(session), Way::BreakGlass).is_ok();
        let waited = self.model.holds.values().filter(|hold| hold.session == session).count();
        let effects = self.step(Input::Suspended { session: id(session), suspension: Box::new(suspension) });
        let is_release = |effect: &&Effect| matches!(effect, Effect::Release(_));
        let released = effects.iter().filter(is_release).count();
        assert_eq!(released, if may { waited } else { 0 }, "each goes on with its record");
        let expected = self.model.suspend(self.now, session, span, !self.ledger_fails);
        self.check(&effects, &expected);
    }

    pub fn resume(&mut self, session: usize) {
        let stood = self.model.is_suspended(session);
        let effects = self.step(Input::Resumed { session: id(session), who: PERSON });
        assert_eq!(records(&effects), if stood { vec![Kind::BreakGlass] } else { Vec::new() });
        let asks = effects.iter().any(|effect| matches!(effect, Effect::AskAgain(_)));
        assert_eq!(asks, stood, "what it let through asks again");
        assert_no_yes(&effects);
        self.model.resume(session);
        self.check(&effects, &Outcome::default());
    }

    pub fn thaw(&mut self, session: usize) {
        let effects = self.step(Input::Thawed { session: id(session), who: PERSON });
        let expected = self.model.thaw(self.now, session);
        self.check(&effects, &expected);
    }
}

fn extent(reach: Reach) -> Extent {
    match reach {
        Reach::Once => Extent::Once,
        Reach::For(span) => Extent::lasting(Duration::from_secs(span)),
        Reach::Times(times) => Extent::More(More { times: Some(times), ..More::default() }),
        Reach::Session => Extent::More(More::default()),
    }
}
