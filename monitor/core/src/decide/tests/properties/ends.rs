//! What ends: connections, processes, sessions, time and the daemon.

use super::*;

impl Driver {
    pub fn close(&mut self, place: usize) {
        let waiting = self.waiting();
        let Some(waiter) = waiting.get(place % waiting.len().max(1)).copied() else { return };
        self.leave(Input::FlowClosed { cookie: waiter.number }, &|other, is_flow| {
            is_flow && other.number == waiter.number
        });
    }

    pub fn caller_ends(&mut self, pid: u32) {
        self.leave(Input::CallerEnded { pid }, &|other, is_flow| !is_flow && other.pid == pid);
    }

    pub fn end(&mut self, session: usize) {
        let mut effects = self.step(Input::Ending(id(session)));
        let of_suspension = |effect: &Effect| match effect {
            Effect::Record(entry) => entry.kind == Kind::BreakGlass,
            Effect::Report(Report::Suspension { .. }) | Effect::AskAgain(_) | Effect::TakeBack(_) => true,
            _ => false,
        };
        let ended = effects.extract_if(.., |effect| of_suspension(effect)).count();
        assert_eq!(ended, if self.model.is_suspended(session) { 4 } else { 0 }, "{effects:?}");
        check_gone(&effects);
        self.step(Input::Over(id(session)));
        let gone = self.model.holds.values().filter(|hold| hold.session == session);
        self.gone.extend(gone.flat_map(|hold| &hold.waiters).map(|waiter| waiter.number));
        self.model.end(session);
        self.check(&[], &Outcome::default());
    }

    pub fn later(&mut self, span: Seconds) {
        self.now += span;
        let effects = self.step(Input::Tick);
        let expected = self.model.tick(self.now);
        let expired = effects.iter().filter(|effect| is_end(effect, HoldState::Expired)).count();
        assert_eq!(records(&effects).iter().filter(|kind| **kind == Kind::Expire).count(), expired);
        assert_no_yes(&effects);
        self.check(&effects, &expected);
    }

    /// The daemon ends without pins, and another one begins.
    pub fn daemon_ends(&mut self) {
        let effects = self.step(Input::Ends { why: "the daemon ended".into() });
        assert_no_yes(&effects);
        let expected = self.model.deny_all();
        self.model.let_go.clear(); // what becomes of them is unknown, and told
        self.check(&effects, &expected);
        self.restart();
    }

    fn leave(&mut self, input: Input, gone: &dyn Fn(&Waiter, bool) -> bool) {
        let effects = self.step(input);
        check_gone(&effects);
        let flows: BTreeSet<u64> = self
            .model
            .holds
            .values()
            .filter(|hold| matches!(hold.question, Question::Host(_)))
            .flat_map(|hold| hold.waiters.iter().map(|waiter| waiter.number))
            .collect();
        let is_gone = |waiter: &Waiter| gone(waiter, flows.contains(&waiter.number));
        let left = self.waiting().into_iter().filter(|waiter| is_gone(waiter));
        self.gone.extend(left.map(|waiter| waiter.number));
        self.model.leave(is_gone);
        self.check(&effects, &Outcome::default());
    }
}

fn check_gone(effects: &[Effect]) {
    let reported = |effect: &Effect| matches!(effect, Effect::Save) || is_end(effect, HoldState::Gone);
    assert!(effects.iter().all(reported), "{effects:?}");
}
