//! What people do.

use super::*;

impl Driver {
    pub fn show(&mut self, place: usize) {
        let Some(hold) = self.hold(place) else { return };
        let effects = self.step(Input::Shown { hold });
        self.model.show(hold);
        self.check(&effects, &Outcome::default());
    }

    pub fn approve(&mut self, place: usize, person: u32, reach: Option<Seconds>) {
        let Some(hold) = self.hold(place) else { return };
        let span = reach.map(Duration::from_secs);
        let who = Who::caller(person, 1);
        let approval = Approval { reach: span, ..Approval::of(hold, who) };
        let may = self.decider.may_approve(&approval).is_ok();
        assert_eq!(may, self.model.may_approve(hold));
        let waited: BTreeSet<Waiter> = self.model.holds[&hold].waiters.iter().copied().collect();
        let effects = self.step(Input::Approved(approval));
        let allowed: BTreeSet<Waiter> =
            outcome(&effects).answers.into_iter().map(|(_, waiter)| waiter).collect();
        assert_eq!(
            allowed,
            if may { waited } else { BTreeSet::new() },
            "what it was given for, and nothing else"
        );
        let expected = self.model.approve(self.now, hold, reach);
        self.check(&effects, &expected);
        if may {
            self.check_decided_once(hold);
        }
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

    pub fn thaw(&mut self, session: usize) {
        let effects = self.step(Input::Thawed { session: id(session), who: PERSON });
        let expected = self.model.thaw(self.now, session);
        self.check(&effects, &expected);
    }
}
