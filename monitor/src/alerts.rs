//! Alerts: events on their way to the journal and to `events.jsonl`.
//!
//! One thread writes; whoever sends never waits. What finds the queue full, or could not be written, is counted.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

use serde_json::Value;

mod file;

use file::EventFile;

/// Events that wait for the writer: a second of a busy rule.
pub const QUEUE: usize = 4096;
/// Size at which `events.jsonl` becomes `events.jsonl.1`, bytes, unless said otherwise.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// The queue and its writer. Dropping it writes what waits, then returns.
#[derive(Debug)]
pub struct Outbox {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Arc<Value>>>,
    writer: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
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
        let mut file = dir.map(|dir| EventFile::open(&dir, limit_bytes)).transpose()?;
        Self::with_writer(QUEUE, move |event| {
            // Under systemd, standard error is the journal. What no rule matched is in the file only.
            if event.get("event.kind").and_then(Value::as_str) == Some("alert") {
                tracing::warn!(target: "interlock::alert", "{event}");
            }
            file.as_mut().map_or(Ok(()), |file| file.append(event))
        })
    }

    fn with_writer(
        capacity: usize,
        mut write: impl FnMut(&Value) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, events): (_, Receiver<Arc<Value>>) = mpsc::sync_channel(capacity);
        let counts = Arc::new(Counts::default());
        let failed = Arc::clone(&counts);
        let writer = thread::Builder::new().name("alerts".to_owned()).spawn(move || {
            for event in events {
                if let Err(error) = write(&event) {
                    let before = failed.failed.fetch_add(1, Ordering::Relaxed);
                    // The first says why; a full disk would repeat itself for every event.
                    if before == 0 {
                        tracing::error!(%error, "an event could not be written; further failures are only counted");
                    }
                }
            }
        })?;
        Ok(Self { queue: Some(queue), writer: Some(writer), counts })
    }

    /// Hands over an event; never waits.
    pub fn send(&self, event: Arc<Value>) {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(event).is_ok());
        if !taken {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
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

    #[test]
    fn a_full_queue_drops_and_counts_and_the_rest_arrives() {
        let (started, wait_for_start) = channel();
        let (go, wait_for_go) = channel::<()>();
        let (written, events) = channel();
        let outbox = Outbox::with_writer(2, move |event| {
            started.send(()).unwrap();
            let _ = wait_for_go.recv();
            written.send(event.clone()).unwrap();
            Ok(())
        })
        .unwrap();
        outbox.send(Arc::new(json!(0)));
        wait_for_start.recv().unwrap(); // the writer holds the first, so the queue is empty
        for number in 1..=5 {
            outbox.send(Arc::new(json!(number)));
        }
        assert_eq!(outbox.dropped(), 3);
        drop(go);
        drop(outbox);
        assert_eq!(events.iter().collect::<Vec<_>>(), [json!(0), json!(1), json!(2)]);
    }

    #[test]
    fn failures_are_counted() {
        let (tried, tries) = channel();
        let outbox = Outbox::with_writer(8, move |event| {
            let result = if *event == json!(1) { Err(io::Error::other("disk full")) } else { Ok(()) };
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
