//! The notifier: tells people where they are, by webhook, ntfy, Slack, Matrix and Telegram. It only connects outwards, and nothing that
//! comes back decides anything.
//!
//! ```text
//! event loop ─(queue)→ notifier: what wants to be told → outbox on disk ─→ a thread for each target → its server
//! ```
//!
//! The event loop never waits: what finds the queue full is counted. Each target has one message under way at a time, so one that
//! hangs keeps no other waiting. What was not delivered survives the daemon; an attempt whose answer was lost is made again under
//! the same id, by which a receiver knows it.

mod access;
mod board;
mod client;
mod courier;
mod desk;
mod event;
mod form;
mod notice;
mod outbox;
mod outcome;
mod page;
mod sign;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread::JoinHandle,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

pub use self::notice::{Decided, Notice, command_line, cut};
use self::{board::Board, courier::Shared, desk::Desk, outbox::Outbox};
use crate::{
    config::{Class, Target},
    control::api::TargetView,
    metrics::Metrics,
};
use interlock_core::{facts::Severity, health::Check};
use interlock_host::capabilities::{self, Duty};
use interlock_host::proc::users;

/// In the state directory.
const DIR: &str = "outbox";
/// What waits to be written to the outbox.
const QUEUE: usize = 1024;
/// How long a message that is under way may take when the daemon ends; it is told again after the next start otherwise.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the event loop speaks to. Where no target is configured it does nothing.
#[derive(Default)]
pub struct Notifier(Option<Running>);

struct Running {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Task>>,
    intake: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// Nothing comes from here; it ends with the last thread of a target.
    ended: Receiver<()>,
    board: Board,
    metrics: Arc<Metrics>,
    names: Vec<String>,
    classes: Vec<Class>,
}

enum Task {
    Event(Arc<Value>),
    Notice(Box<Notice>),
    /// The holds that wait now, at the start.
    Waiting(Vec<String>),
    Test(String, Box<Notice>),
}

impl Notifier {
    /// Starts a thread for each target, and one that writes what they are to tell.
    ///
    /// # Errors
    /// The outbox in the state directory `state` cannot be opened, or a thread cannot be started.
    pub fn start(targets: &[Target], state: &Path, metrics: &Arc<Metrics>) -> io::Result<Self> {
        if targets.is_empty() {
            return Ok(Self::default());
        }
        for target in targets.iter().filter(|target| target.insecure) {
            tracing::warn!(
                target = target.name,
                "insecure = true: its messages may be read and changed by whoever is on the way"
            );
        }
        let board = Board::new(targets, Arc::clone(metrics));
        let outbox = Outbox::open(&state.join(DIR))?;
        let desk = Desk::new(targets.into(), outbox, board.clone(), TimeZone::system());
        let shared = Arc::new(Shared::new(desk));
        let (alive, ended) = mpsc::channel();
        for target in targets {
            courier::start(target.clone(), Arc::clone(&shared), alive.clone())?;
        }
        let (queue, tasks) = mpsc::sync_channel(QUEUE);
        let office = Arc::clone(&shared);
        let intake = capabilities::start("notifier", Duty::Own, move || take_in(&office, tasks))?;
        let mut classes: Vec<Class> = targets.iter().flat_map(|target| target.events.clone()).collect();
        // What was decided is told no more as a question, also where only questions are told.
        classes.extend(classes.contains(&Class::Hold).then_some(Class::Decided));
        Ok(Self(Some(Running {
            queue: Some(queue),
            intake: Some(intake),
            shared,
            ended,
            board,
            metrics: Arc::clone(metrics),
            names: targets.iter().map(|target| target.name.clone()).collect(),
            classes,
        })))
    }

    /// Tells of what is made only if anybody wants to know; never waits.
    pub fn tell(&self, class: Class, make: impl FnOnce() -> Notice) {
        if let Some(running) = self.0.as_ref().filter(|running| running.classes.contains(&class)) {
            running.ask(Task::Notice(Box::new(make())));
        }
    }

    /// Tells of a published event; what belongs to a hold is told by [`Notifier::tell`].
    pub fn tell_event(&self, event: &Arc<Value>) {
        let Some(running) = &self.0 else { return };
        if event::class(event).is_some_and(|class| running.classes.contains(&class)) {
            running.ask(Task::Event(Arc::clone(event)));
        }
    }

    /// What waits at the start: whatever else was told of has ended.
    pub fn only_these_wait(&self, holds: Vec<String>) {
        self.0.iter().for_each(|running| running.ask(Task::Waiting(holds.clone())));
    }

    /// Sends a test to one target, or to each; returns their names, none where no target has that name.
    pub fn test(&self, only: Option<&str>) -> Vec<String> {
        let Some(running) = &self.0 else { return Vec::new() };
        let names = running.names.iter().filter(|name| only.is_none_or(|only| only == *name));
        let now = Timestamp::now();
        names
            .map(|name| {
                let key = format!("test-{}", now.as_millisecond());
                let mut notice = Notice::new(&key, Class::Health, Severity::Low, now);
                notice.action = "notifier-test".to_owned();
                notice.summary =
                    Some("A test: whoever reads this is told. There is nothing to do.".to_owned());
                running.board.test(name, &key);
                running.ask(Task::Test(name.clone(), Box::new(notice)));
                name.clone()
            })
            .collect()
    }

    #[must_use]
    pub fn views(&self) -> Vec<TargetView> {
        self.0.as_ref().map(|running| running.board.views()).unwrap_or_default()
    }

    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        self.0.as_ref().map(|running| running.board.checks()).unwrap_or_default()
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        self.0.iter().for_each(|running| running.board.measure(Timestamp::now()));
    }
}

impl Running {
    /// Fails open: nothing waits for whoever is told, and what is missing is counted.
    fn ask(&self, task: Task) {
        if self.queue.as_ref().is_none_or(|queue| queue.try_send(task).is_err()) {
            self.metrics.notifier_dropped.inc();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.queue.take());
        // What waits in the queue is on disk before the end.
        if self.intake.take().is_some_and(|intake| intake.join().is_err()) {
            tracing::error!("the notifier had failed; what waited for it is not told");
        }
        self.shared.stop();
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

fn take_in(shared: &Shared, tasks: Receiver<Task>) {
    for task in tasks {
        let now = Timestamp::now();
        match task {
            Task::Event(event) => {
                if let Some(notice) = event::notice(&event).map(ready) {
                    shared.change(|desk| desk.take(&notice, now));
                }
            }
            Task::Notice(notice) => {
                let notice = ready(*notice);
                shared.change(|desk| desk.take(&notice, now));
            }
            Task::Waiting(holds) => shared.change(|desk| desk.only_these_wait(&holds, now)),
            Task::Test(target, notice) => shared.change(|desk| desk.try_out(&target, ready(*notice), now)),
        }
    }
}

/// Masked, plain and bounded, and with the owner's name, which somebody else's server may have to be asked for.
fn ready(mut notice: Notice) -> Notice {
    notice.owner = notice.user.and_then(users::name_on_this_machine);
    notice.bounded()
}

#[cfg(test)]
mod tests;
