//! One thread for each target: it takes what is due, sends it, and says what became of it.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    access::Access,
    client::Client,
    desk::Desk,
    form::{self, Message},
    outbox::Letter,
    outcome::Outcome,
};
use crate::config::Target;
use interlock_host::capabilities::{self, Duty};

/// A clock that is set is noticed after so long.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The desk, and a bell that rings when something has changed.
pub struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    stopping: AtomicBool,
}

impl Shared {
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk: Mutex::new(desk), changed: Condvar::new(), stopping: AtomicBool::new(false) }
    }

    pub fn change(&self, change: impl FnOnce(&mut Desk)) {
        change(&mut self.desk());
        self.changed.notify_all();
    }

    /// No thread takes anything any more.
    pub fn stop(&self) {
        self.change(|_| self.stopping.store(true, Ordering::Relaxed));
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something that is due. `idle` is done once before it waits.
    fn next(&self, target: &str, mut idle: impl FnMut()) -> Option<Letter> {
        let mut desk = self.desk();
        loop {
            if self.stopping.load(Ordering::Relaxed) {
                return None;
            }
            let now = Timestamp::now();
            if desk.look(now) {
                self.changed.notify_all();
            }
            if let Some(letter) = desk.next(target, now) {
                return Some(letter);
            }
            idle();
            let wait = desk.wake(target, now).map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT));
            desk = match wait {
                Some(wait) => self.changed.wait_timeout(desk, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(desk).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Starts the thread of a target; `alive` is dropped with it.
///
/// # Errors
/// It cannot be started.
pub fn start(target: Target, shared: Arc<Shared>, alive: Sender<()>) -> io::Result<()> {
    let name: String = format!("notify-{}", target.name).chars().take(15).collect();
    capabilities::start(name, Duty::Own, move || {
        let _alive = alive;
        run(&target, &shared);
    })?;
    Ok(())
}

fn run(target: &Target, shared: &Shared) {
    let mut client: Option<Client> = None;
    let zone = shared.desk().zone().clone();
    // Nothing is kept of what it was spoken to by while it has nothing to tell: neither a connection nor the authorities.
    while let Some(letter) = shared.next(&target.name, || client = None) {
        let outcome = attempt(target, &mut client, &letter, &zone);
        if !matches!(outcome, Outcome::Delivered(_)) {
            client = None;
        }
        shared.change(|desk| desk.done(&letter, &outcome, Timestamp::now()));
    }
}

fn attempt(target: &Target, client: &mut Option<Client>, letter: &Letter, zone: &TimeZone) -> Outcome {
    let access = match Access::of(target) {
        Ok(access) => access,
        Err(why) => return Outcome::later(why), // another file is noticed
    };
    let client = match client {
        Some(client) => client,
        None => match Client::new(target.ca_file.as_deref()) {
            Ok(new) => client.insert(new),
            Err(why) => return Outcome::later(why),
        },
    };
    let message = Message {
        id: letter.message_id(),
        thread: letter.id.clone(),
        handle: letter.handle.as_deref(),
        notice: &letter.notice,
    };
    let request = form::compose(&access, &message, Timestamp::now(), zone);
    match client.send(&request) {
        Ok(reply) => form::read(&access, &message, &reply),
        Err(outcome) => outcome,
    }
}
