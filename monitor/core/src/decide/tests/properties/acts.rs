//! What sessions do.

use super::*;

impl Driver {
    pub fn touch(&mut self, session: usize) {
        let subject = Subject::Open(secret("cloud", true));
        let effects = self.act(session, 10, subject, Pending::None);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::PassOn(_))), "{effects:?}");
        self.pass_on();
        self.model.touch(session);
        self.check(&effects, &Outcome::default());
    }

    /// Records of it were lost: what it has touched is not known, and counts as touched.
    pub fn lost(&mut self, session: usize) {
        self.losses += 1;
        let effects = self.step(Input::Lost { session: id(session), records: self.losses });
        assert!(effects.iter().any(|effect| matches!(effect, Effect::PassOn(_))), "{effects:?}");
        self.pass_on();
        self.model.touch(session);
        self.check(&effects, &Outcome::default());
    }

    pub fn meet(&mut self) {
        self.met = true;
        self.pass_on();
        self.model.meet();
    }

    /// What is known of one counts for the other.
    fn pass_on(&mut self) {
        if self.met {
            let effects = self.step(Input::Met([id(0), id(1)].into()));
            self.check(&effects, &Outcome::default());
        }
    }

    pub fn trip(&mut self, session: usize) {
        let subject = Subject::Probe(secret("ssh", false));
        let effects = self.act(session, 10, subject, Pending::None);
        let expected = self.model.trip(self.now, session);
        self.check(&effects, &expected);
    }

    pub fn ask(&mut self, session: usize, question: Question, pid: u32) {
        let waiter = Waiter { number: self.asked.len() as u64 + 1, pid };
        self.asked.insert(waiter.number, waiter);
        let was_frozen = self.model.is_frozen(session);
        let before = self.decider.holds().waiting().count();
        let effects = match question {
            Question::Host(host) => {
                let flow =
                    HeldFlow { cookie: waiter.number, generation: 1, opener: pid, ..HeldFlow::default() };
                let pending = Pending::Flow { flow, unseen: false };
                self.act(session, pid, Subject::Connect(to(&format!("api{host}.example"))), pending)
            }
            Question::Key => {
                let caller = HeldCaller { pid, ino: waiter.number, more: 0, dev: 0, subject: 0 };
                self.act(session, pid, Subject::Open(secret("ssh", false)), Pending::Caller(caller))
            }
        };
        let rules_hold = effects.iter().any(
            |effect| matches!(effect, Effect::Judged(decision) if decision.verdict.action == Action::Hold),
        );
        let allowed = outcome(&effects).answers.contains(&(Answer::Allow, waiter));
        if rules_hold && allowed {
            assert!(!was_frozen, "a frozen session gets no allowance");
            assert!(!self.ledger_fails, "it goes on although that cannot be recorded");
            let place = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted);
            let record = place(&|effect| matches!(effect, Effect::Release(_)));
            let allowance = place(&|effect| matches!(effect, Effect::Allow(_)));
            assert!(record.is_some() && record < allowance, "it goes on without a record, or before it");
        }
        if self.decider.holds().waiting().count() > before {
            assert!(records(&effects).contains(&Kind::Hold), "it waits without a record");
            let is_account = |effect: &Effect| matches!(effect, Effect::KeepAccount { .. });
            assert!(effects.iter().any(is_account), "the next daemon could not explain it");
        }
        let expected = self.model.ask(self.now, session, question, waiter);
        self.check(&effects, &expected);
    }

    pub fn asks_again(&mut self, place: usize) {
        let waiting = self.waiting();
        let Some(waiter) = waiting.get(place % waiting.len().max(1)) else { return };
        let flow = HeldFlow { cookie: waiter.number, generation: 9, ..HeldFlow::default() };
        let waits = self.decider.is_asked(&flow);
        let effects = self.step(Input::AsksAgain(flow));
        let flows = self.decider.holds().waiting().flat_map(|hold| &hold.flows);
        let raised = flows.filter(|held| held.cookie == flow.cookie).all(|held| held.generation == 9);
        assert!(raised || !waits);
        self.check(&effects, &Outcome::default());
    }
}
