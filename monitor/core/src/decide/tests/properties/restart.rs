//! A restart: another daemon goes on with what was written down.

use super::*;
use crate::{
    breaker::Breaker,
    holds::{Grant, Hold, let_go::LetGo},
    sessions::{self, Suspension},
};

/// What an earlier daemon wrote down, as text.
fn saved(decider: &Decider) -> String {
    let holds: Vec<&Hold> = decider.holds().waiting().collect();
    let breakers: Vec<(u64, &Breaker, Option<&Suspension>)> = decider
        .sessions
        .iter()
        .map(|session| (session.id.0, session.breaker(), session.suspension()))
        .collect();
    let let_go: Vec<LetGo> = decider.holds().let_go().iter().map(LetGo::saved).collect();
    let (next, grants) = (decider.holds().next_number(), decider.holds().grants().all());
    serde_json::to_string(&(next, holds, grants, breakers, let_go)).unwrap()
}

impl Driver {
    /// A new daemon goes on with what was written down, and with what the kernel still knows: who is frozen, and whose
    /// connections ask.
    pub fn restart(&mut self) {
        type Saved = (u64, Vec<Hold>, Vec<Grant>, Vec<(u64, Breaker, Option<Suspension>)>, Vec<LetGo>);
        let (next, holds, grants, mut breakers, let_go): Saved =
            serde_json::from_str(&saved(&self.decider)).unwrap();
        let mut decider = begin(next);
        for old in self.decider.sessions.iter() {
            let mut session = Session::new(old.id, "x".into(), "test".into(), old.started);
            let place = breakers.iter().position(|(known, ..)| *known == old.id.0).unwrap();
            let (_, breaker, suspension) = breakers.swap_remove(place);
            session.resume(breaker);
            session.stay_suspended(suspension);
            session.incomplete = old.incomplete || old.gated;
            if old.is_frozen() {
                session.found_frozen();
            }
            decider.sessions.insert(session);
        }
        self.decider = decider;
        for session in 0..2 {
            if self.model.is_frozen(session) && self.model.is_alive(session) {
                let outcome = sessions::Outcome::default();
                self.step(Input::Stopped { session: id(session), outcome });
            }
        }
        self.model.frozen_again(self.now);
        self.model.let_go.extend(let_go.iter().map(|flow| (flow.key.cookie, flow.committed))); // the kernel tells the rest again
        let mut effects = self.step(Input::RestoredGrants(grants));
        effects.extend(self.step(Input::RestoredLetGo(let_go)));
        for hold in holds {
            effects.extend(self.step(Input::Restored(Box::new(hold))));
        }
        assert_no_yes(&effects);
        self.check(&effects, &Outcome::default());
    }
}
