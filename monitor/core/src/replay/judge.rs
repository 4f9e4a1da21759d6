//! Judging a record by a set of rules.

use std::{collections::HashMap, sync::Arc};

use super::{
    entry::{Entry, RecordedFact},
    record::Record,
};
use crate::{
    breaker::risk,
    decide::{Act, Decider, Effect, Input, Pending, Settings},
    facts::{BootNanos, Mode, SessionId},
    rule_test::{Decisions, decisions},
    rules::RuleSet,
    sessions::Session,
};

/// What a set of rules says of an entry that it judged.
#[derive(Clone, Debug)]
pub struct Ruled<'r> {
    pub entry: &'r Entry,
    pub decisions: Decisions,
}

impl Record {
    /// Judges every entry again, in its order, as observe mode does: each as if nothing had been stopped before it.
    #[must_use]
    pub fn judge(&self, rules: &Arc<RuleSet>) -> Vec<Ruled<'_>> {
        let settings = Settings {
            rules: Arc::clone(rules),
            mode: Mode::Observe,
            own: Arc::default(),
            risk_budget: risk::BUDGET,
        };
        let mut replayed = Replayed {
            decider: Decider::new(settings, 1),
            ids: HashMap::new(),
            points: HashMap::new(),
            effects: Vec::new(),
        };
        let mut ruled = Vec::new();
        for entry in &self.entries {
            let id = replayed.session_of(entry, || self.started(entry));
            ruled.extend(replayed.play(id, entry).map(|decisions| Ruled { entry, decisions }));
        }
        ruled
    }
}

struct Replayed<'r> {
    decider: Decider,
    ids: HashMap<&'r str, SessionId>,
    /// Risk of each hold of a session, which an approval takes back.
    points: HashMap<(SessionId, &'r str), u32>,
    effects: Vec<Effect>,
}

impl<'r> Replayed<'r> {
    /// The entry's session; a new one began at the time that `started` says.
    fn session_of(&mut self, entry: &'r Entry, started: impl FnOnce() -> BootNanos) -> SessionId {
        let next = SessionId(self.ids.len() as u64);
        let id = *self.ids.entry(&entry.session).or_insert(next);
        if id == next {
            let (agent, how) = (entry.agent.clone(), "record".to_owned());
            self.decider.sessions.insert(Session::new(id, agent, how, started()));
        }
        id
    }

    /// `None` if nothing is judged.
    fn play(&mut self, session: SessionId, entry: &'r Entry) -> Option<Decisions> {
        let RecordedFact::Done { subject, process, recorded, incomplete } = &entry.fact else {
            self.forgive(session, entry);
            return None;
        };
        let known = self.decider.sessions.get_mut(session)?;
        known.incomplete |= *incomplete;
        let (process, subject, at) = ((**process).clone(), subject.clone(), entry.at);
        let act = Act { session, process, at, subject, pending: Pending::None, pack_off: None };
        self.effects.clear();
        self.decider.step(at, Input::Act(Box::new(act)), &mut self.effects);
        if let (Some(hold), Some(Effect::Judged(decision))) = (&recorded.hold, self.effects.first()) {
            self.points.insert((session, hold), decision.verdict.points);
        }
        Some(decisions(&self.effects))
    }

    fn forgive(&mut self, session: SessionId, entry: &'r Entry) {
        let RecordedFact::Approved { hold } = &entry.fact else { return };
        let points = self.points.remove(&(session, hold.as_str())).unwrap_or_default();
        if let Some(session) = self.decider.sessions.get_mut(session) {
            session.memory.forgive(points, entry.at);
        }
    }
}
