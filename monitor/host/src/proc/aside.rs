//! Looks that may never be answered: a path on a network mount, memory that a process has mapped from a file system of its own. They
//! are taken by a thread beside the one that asks, which waits a moment and goes on without.
//!
//! `/proc/PID/environ` and `cmdline` need none of this: the kernel reads only anonymous memory for them (`FOLL_ANON`, since Linux 4.15).

use crate::capabilities::{self, Duty};
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

/// How long one look may take, and all of one thread: this at once, and a tenth of the time that passes.
const LOOK_TIMEOUT: Duration = Duration::from_millis(100);
const ALTOGETHER: Duration = Duration::from_secs(1);
const COMES_BACK: u32 = 10;
/// Threads that wait for an answer for ever; beyond it nobody looks.
const STUCK_MAX: usize = 16;

type Job = Box<dyn FnOnce() + Send>;

/// Of one thread that asks.
struct Asker {
    worker: Option<SyncSender<Job>>,
    /// Threads that are left alone with a look; each counts itself out when it is answered.
    stuck: Arc<AtomicUsize>,
    left: Duration,
    at: Instant,
}

thread_local! {
    static ASKER: RefCell<Asker> = RefCell::new(Asker::new());
}

/// Looks; `None` where the answer takes too long, or too many looks did before it.
pub fn look<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    ASKER.with_borrow_mut(|asker| asker.look(what))
}

impl Asker {
    fn new() -> Self {
        Self { worker: None, stuck: Arc::default(), left: ALTOGETHER, at: Instant::now() }
    }

    fn look<T: Send + 'static>(&mut self, what: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let timeout = self.timeout();
        if timeout.is_zero() || self.stuck.load(Ordering::Relaxed) >= STUCK_MAX {
            return None;
        }
        let (sender, answer) = sync_channel(1);
        let job = Box::new(move || drop(sender.send(what()))); // nobody waits any more
        self.worker()?.send(job).ok()?;
        let began = Instant::now();
        let answered = answer.recv_timeout(timeout);
        self.left = self.left.saturating_sub(began.elapsed());
        if answered.is_err() {
            tracing::warn!(
                "a file system or a process does not answer: what it would have said counts as unknown"
            );
            self.stuck.fetch_add(1, Ordering::Relaxed);
            self.worker = None; // it ends when it is answered
        }
        answered.ok()
    }

    fn timeout(&mut self) -> Duration {
        let back = self.at.elapsed() / COMES_BACK;
        (self.left, self.at) = ((self.left + back).min(ALTOGETHER), Instant::now());
        self.left.min(LOOK_TIMEOUT)
    }

    fn worker(&mut self) -> Option<&SyncSender<Job>> {
        if self.worker.is_none() {
            let (sender, jobs) = sync_channel::<Job>(1);
            let stuck = Arc::clone(&self.stuck);
            let started = capabilities::start("interlock-aside", Duty::Look, move || {
                jobs.iter().for_each(|job| job());
                // Left alone, and answered at last; or whoever asks has ended, and counts nothing any more.
                let _ =
                    stuck.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
            });
            started.ok()?;
            self.worker = Some(sender);
        }
        self.worker.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_is_not_answered_is_unknown_and_what_is_comes_back() {
        let mut asker = Asker::new();
        assert_eq!(asker.look(|| 7), Some(7));
        let (answer, waits) = channel::<()>();
        let began = Instant::now();
        assert_eq!(asker.look(move || waits.recv().is_ok()), None);
        assert!(
            began.elapsed() >= LOOK_TIMEOUT && began.elapsed() < 20 * LOOK_TIMEOUT,
            "{:?}",
            began.elapsed()
        );
        assert_eq!(asker.stuck.load(Ordering::Relaxed), 1);
        assert_eq!(asker.look(|| 8), Some(8), "by another thread");
        answer.send(()).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while asker.stuck.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(asker.stuck.load(Ordering::Relaxed), 0, "it was answered at last");
    }

    #[test]
    fn whoever_lets_many_wait_is_not_looked_at_for_ever() {
        let (mut asker, mut kept) = (Asker::new(), Vec::new());
        let began = Instant::now();
        for _ in 0..1000 {
            let (answer, waits) = channel::<()>();
            kept.push(answer);
            assert_eq!(asker.look(move || waits.recv().is_ok()), None);
        }
        assert!(began.elapsed() < 20 * ALTOGETHER, "{:?}", began.elapsed());
        assert!(asker.stuck.load(Ordering::Relaxed) <= STUCK_MAX);
    }
}
