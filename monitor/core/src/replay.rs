//! Replay: the events of real sessions, judged again by other rules.
//!
//! A record is what `interlock record` writes: JSON lines, the first of them [`Header`], the others events as the daemon
//! published them. They are judged with the classes, grades and owners that the daemon gave them then, in a session's
//! memory of their own, so that the only thing that differs is the rules.

mod discretion;
mod entry;
mod read;
mod turn;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    discretion::discreet,
    entry::{Deed, Entry, Recorded},
    read::Record,
    turn::{Turn, What},
};
use crate::{
    breaker::risk,
    facts::{BootNanos, Mode, SessionId},
    rules::{Problems, RuleSet},
    sessions::Session,
    trial::{Decisions, decided},
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

    /// Judges every entry again, in its order.
    #[must_use]
    pub fn judge(&self, rules: &RuleSet) -> Vec<Ruled<'_>> {
        let mut sessions: HashMap<&str, Replayed> = HashMap::new();
        let mut ruled = Vec::new();
        for entry in &self.entries {
            let number = sessions.len() as u64;
            let session = sessions.entry(&entry.session).or_insert_with(|| self.begin(entry, number));
            ruled.extend(session.play(entry, rules).map(|decisions| Ruled { entry, decisions }));
        }
        ruled
    }

    fn begin(&self, entry: &Entry, number: u64) -> Replayed {
        let started = self.started(entry);
        let session = Session::new(SessionId(number), entry.agent.clone(), "record".to_owned(), started);
        Replayed { session, points: HashMap::new() }
    }

    /// When an entry's session began: as far as is known, with the entry itself.
    fn started(&self, entry: &Entry) -> BootNanos {
        let known =
            self.header.iter().flat_map(|header| &header.sessions).find(|known| known.id == entry.session);
        let started = known.and_then(|known| u64::try_from(known.started.as_nanosecond()).ok());
        started.map_or(entry.at, |started| BootNanos(started.min(entry.at.0)))
    }
}

struct Replayed {
    session: Session,
    /// Risk of each hold, which an approval takes back.
    points: HashMap<String, u32>,
}

impl Replayed {
    /// `None` where nothing is judged.
    fn play(&mut self, entry: &Entry, rules: &RuleSet) -> Option<Decisions> {
        match &entry.deed {
            Deed::Approved { hold } => {
                self.session.memory.forgive(self.points.remove(hold).unwrap_or_default(), entry.at);
                None
            }
            Deed::Done { subject, process, recorded, incomplete } => {
                self.session.incomplete |= *incomplete;
                let judged = self.session.judge(rules, entry.at, (**process).clone(), subject.clone());
                if let Some(hold) = &recorded.hold {
                    self.points.insert(hold.clone(), judged.verdict.points);
                }
                Some(decided(&judged, risk::BUDGET))
            }
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
