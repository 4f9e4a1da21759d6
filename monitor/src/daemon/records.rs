//! What leaves the engine in writing: events, told once where they repeat, and the files that hold events and ledger, which
//! another program may take away.

use std::sync::Arc;

use serde_json::Value;

use super::{engine::Engine, event::Event, folding::Repeats};
use crate::ledger::Rotation;
use interlock_core::facts::{BootNanos, Severity};
use interlock_host::clock::boot_now;

impl Engine {
    /// Publishes an event; the whole daemon speaks through here. One that says the same as another of the last minute is only
    /// counted.
    pub fn publish(&mut self, event: Event) {
        self.events += 1;
        let event = Arc::new(event.finish());
        if let Some(repeats) = self.folding.take(&event, boot_now()) {
            self.bus.repeat(repeats);
            return;
        }
        if event.get("event.action").is_some_and(|action| action == "session-ended") {
            let session = event.get("session.id").and_then(Value::as_str);
            let repeats = self.folding.close_of(session);
            self.tell_counted(repeats);
        }
        self.keep_explainable(&event);
        self.bus.publish(Arc::clone(&event));
        self.outbox.send(event);
    }

    /// Tells what has repeated in the windows that are over.
    pub fn tell_repeats(&mut self, now: BootNanos) {
        let repeats = self.folding.due(now);
        self.tell_counted(repeats);
    }

    /// Before the end.
    pub fn tell_all_repeats(&mut self) {
        let repeats = self.folding.close_of(None);
        self.tell_counted(repeats);
    }

    /// The history has them already, with the first.
    fn tell_counted(&mut self, repeats: Vec<Repeats>) {
        for repeats in repeats {
            let event = Arc::new(Value::Object(repeats.told(self.number_event())));
            self.keep_explainable_as(repeats.first_id(), &event);
            self.bus.tell(Arc::clone(&event));
            self.outbox.send(event);
        }
    }

    /// Notices at once what another program did to the files.
    pub fn look_at_files(&mut self) {
        self.outbox.look();
        self.look_at_ledger();
    }

    /// The ledger looks before each record; where none is written, this is how a loss is noticed.
    pub fn look_at_ledger(&mut self) {
        if let Err(error) = self.ledger.look() {
            tracing::error!(path = %self.ledger.path().display(), %error, "the ledger was taken away and cannot be begun anew");
        }
        self.tell_rotations();
        let mut changed = false;
        for (change, total) in self.outbox.changes() {
            changed |= self.metrics.file_changed_total("events", change.word(), total);
        }
        if changed {
            self.protect_own(); // the new file too
        }
    }

    /// Tells, and counts, what was noticed of the ledger's file.
    pub fn tell_rotations(&mut self) {
        for rotation in self.ledger.take_rotations() {
            self.metrics.file_changed("ledger", rotation.change.word());
            self.metrics.ledger_records.inc();
            self.metrics.ledger_head(&self.ledger.head().hash.to_string());
            self.protect_own();
            self.tell_rotation(&rotation);
        }
    }

    fn tell_rotation(&mut self, rotation: &Rotation) {
        let (change, after) = (rotation.change, rotation.after);
        let moved_to = rotation.moved_to.as_ref().map(|path| path.display().to_string());
        tracing::warn!(%change, %after, moved_to, "the ledger's file was changed by another program; the chain goes on in a new one");
        let mut event = self
            .event_of_daemon("ledger-rotated")
            .with("ledger.change", change.word())
            .with("ledger.after", after.to_string())
            .with("ledger.moved_to", moved_to);
        if change.loses() {
            let message = format!(
                "the ledger was {change} by another program: of the records up to {} only a copy proves what they said",
                after.seq
            );
            event = event.alert(Severity::High, &message);
        }
        self.publish(event);
    }
}
