//! The events of sessions, as a record holds them.

use super::{entry::Entry, header::Header, incident::Incident};
use crate::facts::BootNanos;

/// The events of sessions.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// `None` for the bare lines of `interlock events --follow --output json`.
    pub header: Option<Header>,
    pub entries: Vec<Entry>,
    /// What befell the sessions besides, in the order of the lines.
    pub incidents: Vec<Incident>,
    /// Events that the daemon could not deliver to the recorder.
    pub lost: u64,
    /// Lines stood for several facts each.
    pub folded: bool,
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
        self.incidents.retain(|incident| incident.session == session);
        self
    }

    /// When an entry's session began: as far as is known, with the entry itself.
    pub(super) fn started(&self, entry: &Entry) -> BootNanos {
        let known =
            self.header.iter().flat_map(|header| &header.sessions).find(|known| known.id == entry.session);
        let started = known.and_then(|known| u64::try_from(known.started.as_nanosecond()).ok());
        started.map_or(entry.at, |started| BootNanos(started.min(entry.at.0)))
    }
}
