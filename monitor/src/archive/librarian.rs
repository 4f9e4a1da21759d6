//! The daemon's thread that reads the files of events: whoever asks for last week must not keep the event loop, or who
//! answers for it, from anything.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc::{Sender, channel},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    collect::{Found, Notes},
    files::{Bounds, read},
    question::Question,
    seats::{Seat, Seats},
    sight::Sight,
    told::Told,
};
use interlock_host::capabilities::{self, Duty};

/// Of the newest bytes of the files: both that the daemon keeps, with the default limit.
const BYTES: u64 = 128 << 20;
/// For one answer; who asks waits 30 s, and before root four others can.
const TIME: Duration = Duration::from_secs(5);
/// Events of one answer.
const EVENTS: usize = 20_000;
/// setpriority(2): it comes after everything that matters more.
const PRIORITY: i32 = 10;

/// The thread that reads.
#[derive(Debug)]
pub struct Librarian {
    tasks: Sender<Task>,
    seats: Seats,
}

#[derive(Debug)]
struct Task {
    question: Question,
    sight: Sight,
    kept: Vec<Value>,
    seat: Seat,
    reply: oneshot::Sender<Told>,
}

impl Librarian {
    /// Starts the thread that reads the files in `dir`.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(dir: PathBuf) -> io::Result<Self> {
        let (sender, tasks) = channel::<Task>(); // bounded by the seats
        capabilities::start("interlock-past", Duty::Own, move || {
            if let Err(error) = rustix::process::setpriority_process(None, PRIORITY) {
                tracing::warn!(%error, "the thread that reads old events goes on with its priority");
            }
            for Task { question, sight, kept, seat, reply } in tasks {
                if !reply.is_closed() {
                    let told = Told::of(answer(&dir, question, &sight, kept));
                    let _ = reply.send(Told { seat: Some(seat), ..told }); // the caller hung up
                }
            }
        })?;
        Ok(Self { tasks: sender, seats: Seats::default() })
    }

    /// Hands in a question, with what the memory has of it; returns where the answer comes. `None` where the user has another under
    /// way, or too many have.
    #[must_use]
    pub fn ask(&self, question: Question, sight: Sight, kept: Vec<Value>) -> Option<oneshot::Receiver<Told>> {
        let (reply, answer) = oneshot::channel();
        let seat = self.seats.take(sight.uid())?;
        self.tasks.send(Task { question, sight, kept, seat, reply }).ok()?;
        Some(answer)
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
        let told = librarian.ask(Question::default(), Sight::of_root(), kept).unwrap().await.unwrap();
        assert_eq!(told.chunks, ["{\"event.id\":\"e1\"}\n{\"event.id\":\"e2\"}\n"]);
        assert_eq!(told.newest, 2);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_and_the_memorys_is_not_lost() {
        let librarian = Librarian::start("/nowhere/at/all".into()).unwrap();
        let kept = vec![json!({ "event.id": "e2" })];
        let told = librarian.ask(Question::default(), Sight::of_root(), kept).unwrap().await.unwrap();
        let (notes, event) = told.chunks[0].split_once('\n').unwrap();
        assert!(notes.contains("/nowhere/at/all"), "{told:?}");
        assert_eq!(event, "{\"event.id\":\"e2\"}\n");
    }

    #[tokio::test]
    async fn a_user_asks_again_once_the_answer_is_read_and_root_always() {
        let librarian = Librarian::start("/nowhere/at/all".into()).unwrap();
        let ask = |uid| {
            librarian.ask(Question::default(), Sight::of(uid, &crate::config::Approvers::Owner), Vec::new())
        };
        let told = ask(1000).unwrap().await.unwrap();
        assert!(ask(1000).is_none() && ask(1001).is_some() && ask(0).is_some());
        drop(told);
        assert!(ask(1000).is_some());
    }
}
