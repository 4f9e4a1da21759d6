//! Replay: the events of real sessions, judged again by other rules.
//!
//! A record is what `interlock record` writes: JSON lines, the first of them [`Header`], the others events as the daemon
//! published them. They are judged with the classes, grades and owners that the daemon gave them then, in a session's
//! memory of their own, so that the only thing that differs is the rules.

mod entry;
mod incident;
mod read;
mod redaction;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    entry::{Entry, Recorded, RecordedFact},
    incident::{Incident, What},
    read::Record,
    redaction::redacted,
};
use crate::{
    breaker::risk,
    decide::{Act, Decider, Effect, Input, Pending, Settings},
    facts::{BootNanos, Mode, SessionId},
    rule_test::{Decisions, decisions},
    rules::{Problems, RuleSet},
    sessions::Session,
};

/// Version of the format.
pub const VERSION: u32 = 1;

/// The first line of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    #[serde(rename = "interlock.record")]
    pub version: u32,
    #[serde(rename = "interlock.version")]
    pub program: String,
    /// SHA-256 of the rules that were in force, hexadecimal.
    #[serde(rename = "rules.sha256")]
    pub rules: String,
    #[serde(rename = "interlock.mode")]
    pub mode: Mode,
    /// Sessions that lived when the record was begun.
    pub sessions: Vec<Known>,
}

/// A session that lived when a record was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub id: String,
    pub started: Timestamp,
}

/// What a set of rules says of an entry that it judged.
#[derive(Clone, Debug)]
pub struct Ruled<'r> {
    pub entry: &'r Entry,
    pub decisions: Decisions,
}

impl Record {
    /// Ids of its sessions, in the order of their first events.
    #[must_use]
    pub fn sessions(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if !ids.contains(&entry.session.as_str()) {
                ids.push(&entry.session);
            }
        }
        ids
    }

    /// What it says of one session.
    #[must_use]
    pub fn of(mut self, session: &str) -> Self {
        self.entries.retain(|entry| entry.session == session);
        self.turns.retain(|turn| turn.session == session);
        self
    }

    /// Judges every entry again, in its order, as observe mode does: each as if nothing had been stopped before it.
    #[must_use]
    pub fn judge(&self, rules: &Arc<RuleSet>) -> Vec<Ruled<'_>> {
        let settings = Settings { rules: Arc::clone(rules), mode: Mode::Observe, risk_budget: risk::BUDGET };
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

    /// When an entry's session began: as far as is known, with the entry itself.
    fn started(&self, entry: &Entry) -> BootNanos {
        let known =
            self.header.iter().flat_map(|header| &header.sessions).find(|known| known.id == entry.session);
        let started = known.and_then(|known| u64::try_from(known.started.as_nanosecond()).ok());
        started.map_or(entry.at, |started| BootNanos(started.min(entry.at.0)))
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

/// Reads a record.
///
/// # Errors
/// Every line that is not one of a record.
pub fn read(file: &str, lines: impl std::io::BufRead) -> Result<Record, Problems> {
    Record::read(file, lines)
}

#[cfg(test)]
mod tests;
