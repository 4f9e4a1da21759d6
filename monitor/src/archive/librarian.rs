//! The daemon's thread that reads the files of events: whoever asks for last week must not keep the engine, or who answers
//! for it, from anything.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    collect::{Found, Notes},
    files::{Bounds, read},
    question::Question,
    sight::Sight,
};

/// Questions that wait; each is answered within [`TIME`], and who asks waits 30 s.
const WAITING_MAX: usize = 4;
/// Of the newest bytes of the files: both that the daemon keeps, with the default limit.
const BYTES: u64 = 128 << 20;
const TIME: Duration = Duration::from_secs(5);
/// Events of one answer, which stand in the memory of the daemon.
const EVENTS: usize = 20_000;
/// setpriority(2): it comes after everything that matters more.
const PRIORITY: i32 = 10;

/// The thread that reads.
#[derive(Debug)]
pub struct Librarian(SyncSender<Task>);

#[derive(Debug)]
struct Task {
    question: Question,
    sight: Sight,
    kept: Vec<Value>,
    reply: oneshot::Sender<Found>,
}

impl Librarian {
    /// Starts the thread that reads the files in `dir`.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(dir: PathBuf) -> io::Result<Self> {
        let (sender, tasks) = sync_channel::<Task>(WAITING_MAX);
        thread::Builder::new().name("interlock-past".into()).spawn(move || {
            if let Err(error) = rustix::process::setpriority_process(None, PRIORITY) {
                tracing::warn!(%error, "the thread that reads old events goes on with its priority");
            }
            for Task { question, sight, kept, reply } in tasks {
                if !reply.is_closed() {
                    let _ = reply.send(answer(&dir, question, &sight, kept)); // the caller hung up
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Hands in a question, with what the memory has of it; returns where the answer comes. `None` where too many wait.
    #[must_use]
    pub fn ask(
        &self,
        question: Question,
        sight: Sight,
        kept: Vec<Value>,
    ) -> Option<oneshot::Receiver<Found>> {
        let (reply, answer) = oneshot::channel();
        match self.0.try_send(Task { question, sight, kept, reply }) {
            Ok(()) => Some(answer),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }
}

fn answer(dir: &Path, mut question: Question, sight: &Sight, kept: Vec<Value>) -> Found {
    question.limit = Some(question.limit.unwrap_or(EVENTS).min(EVENTS));
    let bounds = Bounds { bytes: Some(BYTES), deadline: Some(Instant::now() + TIME) };
    let in_case = kept.clone();
    read(dir, &question, sight, bounds, kept).unwrap_or_else(|error| {
        let not_read = vec![format!("the files in {} cannot be read: {error}", dir.display())];
        Found { events: in_case, notes: Notes { not_read, ..Notes::default() } }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_question_is_answered_from_memory_and_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("events.jsonl"), "{\"event.id\":\"e1\"}\n").unwrap();
        let librarian = Librarian::start(dir.path().to_path_buf()).unwrap();
        let kept = vec![json!({ "event.id": "e2" })];
        let found = librarian.ask(Question::default(), Sight::of_root(), kept).unwrap().await.unwrap();
        assert_eq!(found.events, [json!({ "event.id": "e1" }), json!({ "event.id": "e2" })]);
        assert_eq!(found.notes, Notes::default());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_and_the_memorys_is_not_lost() {
        let librarian = Librarian::start("/nowhere/at/all".into()).unwrap();
        let kept = vec![json!({ "event.id": "e2" })];
        let found = librarian.ask(Question::default(), Sight::of_root(), kept).unwrap().await.unwrap();
        assert!(found.notes.not_read[0].contains("/nowhere/at/all"), "{found:?}");
        assert_eq!(found.events, [json!({ "event.id": "e2" })]);
    }
}
