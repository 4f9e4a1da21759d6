//! Threads that ask the system's user database who is in which group: it may be on another machine, and slow.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use crate::{
    control::command::Command,
    daemon::context::mailbox::handle::{Inbox, Message},
};
use interlock_host::capabilities::{self, Duty};
use interlock_host::proc::users;

/// Requests that wait to be looked up.
const WAITING_MAX: usize = 64;
/// Look-ups at one time.
const THREADS: usize = 4;

/// The threads that look up.
pub struct Directory(SyncSender<Membership>);

/// Whether the user is in these groups.
pub struct Membership {
    pub command: Command,
    pub user: u32,
    pub among: Vec<String>,
}

impl Directory {
    /// # Errors
    /// No thread can be had.
    pub fn start(back: &Inbox) -> io::Result<Self> {
        let (sender, questions) = sync_channel(WAITING_MAX);
        let questions = Arc::new(Mutex::new(questions));
        for _ in 0..THREADS {
            let (questions, back) = (Arc::clone(&questions), back.clone());
            capabilities::start("interlock-users", Duty::Own, move || {
                look_up(&questions, &back);
            })?;
        }
        Ok(Self(sender))
    }

    /// Returns the command back where too many wait: then it is in no group. Fails closed.
    pub fn ask(&self, question: Membership) -> Option<Command> {
        let refused = self.0.try_send(question).err()?;
        let (std::sync::mpsc::TrySendError::Full(Membership { mut command, .. })
        | std::sync::mpsc::TrySendError::Disconnected(Membership { mut command, .. })) = refused;
        command.caller.groups = Some(Err("too many wait for the user database".to_owned()));
        Some(command)
    }
}

fn look_up(questions: &Mutex<Receiver<Membership>>, back: &Inbox) {
    loop {
        let question = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Membership { mut command, user, among }) = question else { return };
        command.caller.groups = Some(users::groups_of(user, &among));
        if back.send(Message::Command(Box::new(command))).is_err() {
            return; // the event loop has ended
        }
    }
}
