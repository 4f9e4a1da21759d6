//! What leaves the daemon in writing: events, reported once where they repeat, and the ledger's records.

pub mod bus;
pub mod dismissed;
pub mod event;
pub mod explanations;
pub mod folding;
pub mod history;
pub mod notary;
pub mod unwritten;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

#[cfg(feature = "kubernetes")]
use crate::cluster_holds::ClusterHolds;
use crate::{
    alerts::Outbox,
    daemon::context::reporter::{
        bus::Bus,
        dismissed::{Dismissed, DropReason},
        event::{Event, Host},
        explanations::Explanations,
        folding::{Folding, Repeats},
        notary::Notary,
        unwritten::Unwritten,
    },
    ledger::{Head, Ledger, record::Record},
    metrics::Metrics,
    notifier::Notifier,
    terminals::Terminals,
};
use interlock_core::{
    facts::{BootNanos, SessionId},
    record::{Entry, Kind, Who},
    sessions::Registry,
};
use interlock_host::clock::{Wall, boot_now};

/// Where an event goes.
pub struct Channels {
    /// The journal and `events.jsonl`.
    pub outbox: Outbox,
    pub notifier: Notifier,
    /// What is kept in memory, and who follows.
    pub bus: Bus,
    pub terminals: Terminals,
    /// The cluster that this node belongs to.
    #[cfg(feature = "kubernetes")]
    pub cluster: ClusterHolds,
}

/// Reports the daemon's work, and keeps what was reported.
pub struct Reporter {
    pub ledger: Ledger,
    pub notary: Notary,
    pub unwritten: Unwritten,
    pub channels: Channels,
    folding: Folding,
    pub explanations: Explanations,
    /// Measured once a turn, so that events keep their order on the wall's clock.
    pub wall: Wall,
    pub metrics: Arc<Metrics>,
    host: Host,
    /// Events that were published.
    pub events: u64,
    next_event: u64,
    pub dismissed: Dismissed,
    pub undecodable: u64,
}

impl Reporter {
    pub fn new(
        ledger: Ledger,
        notary: Notary,
        channels: Channels,
        metrics: Arc<Metrics>,
        host: Host,
        next_event: u64,
    ) -> Self {
        Self {
            host,
            ledger,
            notary,
            unwritten: Unwritten::default(),
            channels,
            folding: Folding::default(),
            explanations: Explanations::default(),
            wall: Wall::now(),
            metrics,
            events: 0,
            next_event,
            dismissed: Dismissed::default(),
            undecodable: 0,
        }
    }

    /// The number of the next event.
    pub fn next_event(&self) -> u64 {
        self.next_event
    }

    fn number_event(&mut self) -> u64 {
        let number = self.next_event;
        self.next_event += 1;
        number
    }

    /// A new event that belongs to no session, numbered.
    pub fn event_of_daemon(&mut self, action: &str) -> Event {
        Event::new(self.number_event(), action, Timestamp::now()).host(&self.host)
    }

    /// A new event of a session, numbered.
    pub fn event(&mut self, sessions: &Registry, action: &str, at: BootNanos, session: SessionId) -> Event {
        let number = self.number_event();
        Event::new(number, action, self.wall.at(at)).host(&self.host).session(session, sessions.get(session))
    }

    /// Publishes an event; the whole daemon speaks through here. One that says the same as another of the last minute is only
    /// counted.
    pub fn publish(&mut self, sessions: &Registry, event: Event) {
        self.events += 1;
        let event = Arc::new(event.finish());
        if let Some(repeats) = self.folding.take(&event, boot_now()) {
            self.channels.bus.repeat(repeats);
            return;
        }
        if event.get("event.action").is_some_and(|action| action == "session-ended") {
            let session = event.get("interlock.session.id").and_then(Value::as_str);
            let repeats = self.folding.close_of(session);
            self.report_counted(repeats);
        }
        self.explanations.keep_explainable(sessions, &event);
        self.channels.terminals.tell(sessions, &event);
        self.channels.bus.publish(Arc::clone(&event));
        self.channels.notifier.tell_event(&event);
        self.channels.outbox.send(event);
    }

    /// Reports what has repeated in the windows that are over.
    pub fn report_repeats(&mut self, now: BootNanos) {
        let repeats = self.folding.due(now);
        self.report_counted(repeats);
    }

    /// Before the end.
    pub fn report_all_repeats(&mut self) {
        let repeats = self.folding.close_of(None);
        self.report_counted(repeats);
    }

    /// The history has them already, with the first.
    fn report_counted(&mut self, repeats: Vec<Repeats>) {
        for repeats in repeats {
            let event = Arc::new(Value::Object(repeats.event(self.number_event())));
            self.explanations.keep_explainable_as(repeats.first_id(), &event);
            self.channels.bus.send(Arc::clone(&event));
            self.channels.notifier.tell_event(&event);
            self.channels.outbox.send(event);
        }
    }

    /// Appends to the ledger; returns whether it is safely there.
    pub fn record<const N: usize>(
        &mut self,
        kind: Kind,
        who: Who,
        session: Option<SessionId>,
        detail: [(&str, Value); N],
    ) -> bool {
        self.keep(Entry::new(kind, who, session, detail))
    }

    /// Writes an entry into the ledger; returns whether it is there, on disk if it must be at once. Fails open: freezing and
    /// denying must not wait for a disk.
    pub fn keep(&mut self, entry: Entry) -> bool {
        let (at_once, kind, at) = (entry.at_once, entry.kind, Timestamp::now());
        let a_person_waits = entry.who.is_person();
        if !self.make_up(a_person_waits) {
            // What a smaller record may still have room for is not let through as long as one is missing, so none says so.
            let why = self.unwritten.why().to_owned();
            self.lose(kind, at, &why);
            return false;
        }
        let record = Record::of(entry, at);
        if at_once {
            let written = self.ledger.append(record);
            match &written {
                Ok(_) => self.unwritten.settled(),
                Err(error) => self.lose(kind, at, &error.to_string()),
            }
            return self.is_recorded(written, 1);
        }
        if self.ledger.is_settled() {
            self.unwritten.settled();
        }
        match self.ledger.note(record) {
            Ok(_) => {
                self.unwritten.wait_for(kind, at);
                // Its head is not published yet: one that a power cut takes back would look like a cut of the file.
                self.metrics.ledger_records.inc();
                true
            }
            Err(error) => {
                self.lose(kind, at, &error.to_string());
                self.is_recorded(Err(error), 0)
            }
        }
    }

    fn lose(&mut self, kind: Kind, at: Timestamp, why: &str) {
        self.unwritten.note(kind, at, why);
        self.metrics.ledger_records_lost.inc();
    }

    /// Brings what waits for the disk there. Fails open: what it tells of is done already; what is lost of it is told.
    pub fn settle(&mut self) {
        if !self.unwritten.waits() {
            return;
        }
        if self.ledger.is_settled() {
            return self.unwritten.settled(); // with a file that was left for a new one
        }
        let synced = self.ledger.sync();
        match &synced {
            Ok(_) => self.unwritten.settled(),
            Err(error) => {
                let lost = self.unwritten.unsettled(&error.to_string());
                self.metrics.ledger_records_lost.inc_by(lost);
            }
        }
        self.is_recorded(synced, 0);
    }

    /// Records what could not be recorded before, where that can be now; returns whether nothing is missing any more. It is tried
    /// once a second, or `at_once`, as somebody waits for the answer.
    pub fn make_up(&mut self, at_once: bool) -> bool {
        let Some(entry) = self.unwritten.entry() else { return true };
        if !self.unwritten.is_due(boot_now()) && !at_once {
            return false;
        }
        let Ok(head) = self.ledger.append(Record::of(entry, Timestamp::now())) else { return false };
        self.unwritten.told();
        self.is_recorded(Ok(head), 1)
    }

    pub fn is_recorded(&self, appended: std::io::Result<Head>, records: u64) -> bool {
        match appended {
            Ok(head) => {
                self.metrics.ledger_records.inc_by(records);
                self.metrics.ledger_head(&head.hash.to_string());
                true
            }
            Err(error) => {
                tracing::error!(path = %self.ledger.path().display(), %error, "the ledger cannot be written");
                false
            }
        }
    }

    /// Has the ledger signed, if that is due.
    pub fn certify(&mut self, at_once: bool) {
        self.notary.certify(&self.ledger, &self.metrics, boot_now(), at_once);
    }

    /// The kernel saw what had been allowed happen.
    pub fn commit(&mut self, session: SessionId, pid: u32, what: &str) {
        let detail = [("pid", pid.into()), ("object", what.into())];
        self.keep(Entry::noted(Kind::Commit, Who::Kernel, session, detail));
    }

    /// Counts a record of that kind that becomes no fact.
    pub fn dismiss(&mut self, kind: &'static str, why: DropReason) {
        self.dismissed.count(kind, why);
        self.metrics.dismissed(kind, why.name());
    }

    /// The same for a record of a secret that the catalogue does not see as one.
    pub fn dismiss_secret(&mut self, sessions: &Registry, kind: &'static str, session: SessionId) {
        let lives = sessions.get(session).is_some();
        self.dismiss(kind, if lives { DropReason::NoSecret } else { DropReason::SessionOver });
    }
}
