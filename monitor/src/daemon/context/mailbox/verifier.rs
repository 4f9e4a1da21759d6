//! The thread that looks at codes and signatures, and keeps what was used of them.
//!
//! A thread of its own, as what was used is on disk before it counts, and a disk takes its time. One after the other: no code is
//! looked at twice at once.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use jiff::Timestamp;

use crate::{
    control::command::{Command, Strength},
    daemon::context::mailbox::handle::{Inbox, Message},
    factor::{
        check::{Need, Proof, check},
        enrol::{self, New},
        refused::Refused,
        statement::Statement,
        store::Store,
    },
};
use interlock_host::capabilities::{self, Duty};

/// Decisions that wait to be looked at.
const WAITING_MAX: usize = 16;

/// The thread that looks.
pub struct Verifier {
    tasks: SyncSender<Task>,
    /// Somebody's `doctor` waits or is looked at: it reads the files of all users, anybody may ask for it, and decisions stand behind it.
    surveying: Arc<AtomicBool>,
}

/// A request, and what is to be looked at for it.
pub struct Task {
    pub command: Command,
    pub plan: Plan,
}

/// What is to be looked at for a request.
pub struct Plan {
    /// What the caller decides, by whom, and what that takes.
    pub statement: Statement,
    pub proof: Proof,
    pub need: Need,
    /// What is done where the proof is enough.
    pub then: Then,
}

pub enum Then {
    /// The event loop carries it out.
    Decide,
    List {
        user: u32,
    },
    /// Of all users, for `interlock doctor`.
    Survey,
    Add {
        user: u32,
        new: New,
    },
    Remove {
        user: u32,
        id: String,
    },
}

impl Verifier {
    /// Factors lie in this state directory.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(back: Inbox, state: &Path) -> io::Result<Self> {
        let (sender, tasks) = sync_channel(WAITING_MAX);
        let store = Store::new(state);
        let surveying = Arc::new(AtomicBool::new(false));
        let surveyed = Arc::clone(&surveying);
        capabilities::start("interlock-factors", Duty::Own, move || {
            look(&tasks, &store, &back, &surveyed);
        })?;
        Ok(Self { tasks: sender, surveying })
    }

    /// Returns the command back where it cannot be looked at. Fails closed: it is refused.
    pub fn ask(&self, task: Task) -> Option<Command> {
        let refused = |task: Task, why: &str| {
            let refused = Refused::Malformed(why.to_owned());
            Command {
                strength: Some(Strength::Proven(Box::new(task.plan.statement), Err(refused))),
                ..task.command
            }
        };
        let is_survey = matches!(task.plan.then, Then::Survey);
        if is_survey && self.surveying.swap(true, Ordering::Relaxed) {
            return Some(task.command); // nobody looks, and `doctor` says so
        }
        let error = self.tasks.try_send(task).err()?;
        if is_survey {
            self.surveying.store(false, Ordering::Relaxed);
        }
        Some(match error {
            TrySendError::Full(task) => refused(task, "too many decisions are asked for at once; ask again"),
            TrySendError::Disconnected(task) => {
                refused(task, "the thread that looks at factors has ended; see the daemon's log")
            }
        })
    }
}

fn look(tasks: &Receiver<Task>, store: &Store, back: &Inbox, surveying: &AtomicBool) {
    while let Ok(task) = tasks.recv() {
        let strength = Some(strength(&task.plan, store, Timestamp::now()));
        if matches!(task.plan.then, Then::Survey) {
            surveying.store(false, Ordering::Relaxed);
        }
        if back.send(Message::Command(Box::new(Command { strength, ..task.command }))).is_err() {
            return; // the event loop has ended
        }
    }
}

fn strength(plan: &Plan, store: &Store, now: Timestamp) -> Strength {
    let stated = || Box::new(plan.statement.clone());
    let proven = || check(store, &plan.statement, &plan.proof, plan.need, now);
    match &plan.then {
        Then::Decide => Strength::Proven(stated(), proven()),
        Then::Survey => Strength::Surveyed(store.survey()),
        Then::List { user } => {
            let found = store.load(*user).map_err(|what| Refused::Unusable { user: *user, what });
            Strength::Listed(found.map(Box::new))
        }
        Then::Add { user, new } => match proven() {
            Ok(factor) => {
                let changed = enrol::add(store, *user, new, &plan.statement, now);
                Strength::Changed(factor, changed.map(Box::new))
            }
            refused => Strength::Proven(stated(), refused),
        },
        Then::Remove { user, id } => match proven() {
            Ok(factor) => Strength::Changed(factor, enrol::remove(store, *user, id).map(Box::new)),
            refused => Strength::Proven(stated(), refused),
        },
    }
}
