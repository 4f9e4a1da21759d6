//! Alerts: events on their way to the journal and to `events.jsonl`.
//!
//! One thread writes; whoever sends never waits. What finds the queue full, or could not be written, is counted. A quarter of
//! the queue is kept for what is more than an observation.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::JoinHandle,
};

use serde_json::Value;

mod file;
mod weight;

use file::EventFile;
pub use file::NAME as FILE;
pub use weight::Weight;

use crate::logfile::{Change, Changes};
use interlock_host::capabilities::{self, Duty};

/// Events that wait for the writer: a second of a busy rule.
pub const QUEUE: usize = 4096;
/// Size at which `events.jsonl` becomes `events.jsonl.1`, bytes, unless said otherwise.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// Targets of alerts in the log, and in the journal; a filter of the log that names the first means both.
pub const LINES: &str = "interlock::alert";
pub const JOURNAL: &str = "interlock::alert::journal";

/// The queue and its writer. Dropping it writes what waits, then returns.
#[derive(Debug)]
pub struct Outbox {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Task>>,
    /// Longest queue that an observation is put into.
    room: usize,
    writer: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
    changes: Arc<Changes>,
}

/// What the writer is asked to do.
#[derive(Debug)]
enum Task {
    Write(Arc<Value>),
    /// See at once whether the file still lies where it belongs.
    Look,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl Outbox {
    /// Starts the writer. Events go to the log, and to `events.jsonl` in `dir` where there is one; the file holds at
    /// most `limit_bytes`, and one older file of the same size is kept beside it.
    ///
    /// # Errors
    /// Where `dir` cannot be created, the file cannot be opened, or the thread cannot be started.
    pub fn start(dir: Option<PathBuf>, limit_bytes: u64) -> io::Result<Self> {
        let changes = Arc::new(Changes::default());
        let open = |dir: PathBuf| EventFile::open(&dir, limit_bytes, Arc::clone(&changes));
        let mut file = dir.map(open).transpose()?;
        let mut outbox = Self::with_writer(QUEUE, move |task| {
            let event = match task {
                Task::Write(event) => event,
                Task::Look => {
                    file.iter_mut().for_each(EventFile::look);
                    return Ok(());
                }
            };
            // Under systemd, standard error is the journal. What no rule matched is in the file only.
            if event.get("event.kind").and_then(Value::as_str) == Some("alert") {
                log(event);
            }
            file.as_mut().map_or(Ok(()), |file| file.append(event))
        })?;
        outbox.changes = changes;
        Ok(outbox)
    }

    fn with_writer(
        capacity: usize,
        mut perform: impl FnMut(&Task) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, tasks): (_, Receiver<Task>) = mpsc::sync_channel(capacity);
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let writer = capabilities::start("alerts", Duty::Own, move || {
            for task in tasks {
                shared.waiting.fetch_sub(1, Ordering::Relaxed);
                if let Err(error) = perform(&task) {
                    let before = shared.failed.fetch_add(1, Ordering::Relaxed);
                    // The first says why; a full disk would repeat itself for every event.
                    if before == 0 {
                        tracing::error!(%error, "an event could not be written; further failures are only counted");
                    }
                }
            }
        })?;
        let (room, changes) = (capacity - capacity / 4, Arc::default());
        Ok(Self { queue: Some(queue), room, writer: Some(writer), counts, changes })
    }

    /// Hands over an event; never waits.
    pub fn send(&self, event: Arc<Value>) {
        let plain = Weight::of(&event).is_plain();
        let crowded = plain && self.counts.waiting.load(Ordering::Relaxed) >= self.room;
        if crowded || !self.ask(Task::Write(event)) {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the writer see at once whether another program has renamed or removed its file.
    pub fn look(&self) {
        // A full queue is a writer at work, which looks by itself.
        let _ = self.ask(Task::Look);
    }

    fn ask(&self, task: Task) -> bool {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(task).is_ok());
        if !taken {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// How often another program has changed `events.jsonl`, by what it did.
    pub fn changes(&self) -> impl Iterator<Item = (Change, u64)> {
        self.changes.totals()
    }

    /// Events that found the queue full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Events that could not be written to the file; of them, alerts are in the log.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

/// Writes an alert to the log: a line of JSON, or for the journal with fields of its own to search by as well. What an alert does not
/// have is an empty field. Each of the two goes to one of them alone ([`LINES`], [`JOURNAL`]).
fn log(event: &Value) {
    let word = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default();
    let (session, action, rule) = (word("interlock.session.id"), word("event.action"), word("rule.name"));
    let (hold, id, user) = (word("interlock.hold.id"), word("event.id"), word("user.id"));
    // Priority 3 of syslog for what may not wait, 4 for the others.
    if word("interlock.severity") == "critical" {
        tracing::error!(target: LINES, "{event}");
        tracing::error!(target: JOURNAL, session, action, rule, hold, id, user, "{event}");
    } else {
        tracing::warn!(target: LINES, "{event}");
        tracing::warn!(target: JOURNAL, session, action, rule, hold, id, user, "{event}");
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of alerts had failed; events that waited for it are lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use serde_json::json;

    use super::*;

    fn event_of(task: &Task) -> Value {
        if let Task::Write(event) = task { (**event).clone() } else { Value::Null }
    }

    fn alert(number: u64) -> Arc<Value> {
        Arc::new(json!({ "event.kind": "alert", "number": number }))
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_the_rest_arrives() {
        let (started, wait_for_start) = channel();
        let (go, wait_for_go) = channel::<()>();
        let (written, events) = channel();
        let outbox = Outbox::with_writer(2, move |task| {
            started.send(()).unwrap();
            let _ = wait_for_go.recv();
            written.send(event_of(task)).unwrap();
            Ok(())
        })
        .unwrap();
        outbox.send(alert(0));
        wait_for_start.recv().unwrap(); // the writer holds the first, so the queue is empty
        for number in 1..=5 {
            outbox.send(alert(number));
        }
        assert_eq!(outbox.dropped(), 3);
        drop(go);
        drop(outbox);
        assert_eq!(events.iter().collect::<Vec<_>>(), [0, 1, 2].map(|number| (*alert(number)).clone()));
    }

    #[test]
    fn a_quarter_of_the_queue_is_kept_for_what_is_more_than_an_observation() {
        let (started, wait_for_start) = channel();
        let (go, wait_for_go) = channel::<()>();
        let (written, events) = channel();
        let outbox = Outbox::with_writer(4, move |task| {
            let _ = started.send(());
            let _ = wait_for_go.recv();
            written.send(event_of(task)).unwrap();
            Ok(())
        })
        .unwrap();
        outbox.send(alert(0));
        wait_for_start.recv().unwrap();
        for number in 1..=9 {
            outbox.send(Arc::new(json!({ "event.action": "connect", "number": number })));
        }
        outbox.send(alert(10));
        assert_eq!(outbox.dropped(), 6);
        drop(go);
        drop(outbox);
        assert_eq!(events.iter().last(), Some((*alert(10)).clone()));
    }

    #[test]
    fn failures_are_counted() {
        let (tried, tries) = channel();
        let outbox = Outbox::with_writer(8, move |task| {
            let result = if event_of(task) == json!(1) { Err(io::Error::other("disk full")) } else { Ok(()) };
            tried.send(()).unwrap();
            result
        })
        .unwrap();
        let counts = Arc::clone(&outbox.counts);
        for number in 0..3 {
            outbox.send(Arc::new(json!(number)));
        }
        drop(outbox);
        assert_eq!(tries.iter().count(), 3);
        assert_eq!(counts.failed.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_file_that_was_renamed_is_begun_anew_when_the_writer_is_told_to_look() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::start(Some(dir.path().to_owned()), DEFAULT_LIMIT).unwrap();
        std::fs::rename(dir.path().join("events.jsonl"), dir.path().join("events.jsonl-1")).unwrap();
        outbox.look();
        outbox.send(alert(1));
        let changes = Arc::clone(&outbox.changes);
        drop(outbox);
        let text = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((text("events.jsonl-1"), text("events.jsonl").lines().count()), (String::new(), 1));
        let counted: Vec<_> = changes.totals().collect();
        assert_eq!(
            counted,
            [(Change::Renamed, 1), (Change::Removed, 0), (Change::Truncated, 0), (Change::Rewritten, 0)]
        );
    }

    #[test]
    fn dropping_writes_what_waits() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::start(Some(dir.path().to_owned()), DEFAULT_LIMIT).unwrap();
        for number in 0..100 {
            outbox.send(Arc::new(json!({ "number": number })));
        }
        assert_eq!((outbox.dropped(), outbox.failed()), (0, 0));
        drop(outbox);
        let text = std::fs::read_to_string(dir.path().join("events.jsonl")).unwrap();
        let numbers: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
}
