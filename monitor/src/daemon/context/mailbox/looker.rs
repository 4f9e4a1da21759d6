//! The thread that looks whether a session has the terminal that a decision was typed at.
//!
//! Which processes have a terminal is looked at by a thread of its own, as a session may have thousands. What it finds is older
//! than the decision by the way back, some milliseconds. A session that takes the terminal in between is not seen (fails open),
//! but to type there it must have had it before: a terminal belongs to one POSIX session, which a process can leave and not join.
//! One that has let go of it by then is refused (fails closed).

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::{Duration, Instant},
};

use crate::{
    control::command::{Command, Typed},
    daemon::context::mailbox::handle::{Inbox, Message},
};
use interlock_host::capabilities::{self, Duty};
use interlock_host::proc::seat::{Party, seats, shared};

/// Decisions that wait to be looked at.
const WAITING_MAX: usize = 16;
/// How long one is looked at.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The thread that looks.
pub struct Looker(SyncSender<Question>);

impl Looker {
    /// # Errors
    /// No thread can be had.
    pub fn start(back: Inbox) -> io::Result<Self> {
        let (sender, questions) = sync_channel(WAITING_MAX);
        capabilities::start("interlock-seats", Duty::Look, move || {
            look(&questions, &back);
        })?;
        Ok(Self(sender))
    }

    /// Returns the command back where it cannot be looked at.
    pub fn ask(&self, question: Question) -> Option<Command> {
        self.0.try_send(question).err().map(|error| match error {
            TrySendError::Full(question) => {
                refused(question.command, "too many decisions are asked for at once")
            }
            TrySendError::Disconnected(question) => {
                refused(question.command, "the thread that looks has ended; see the daemon's log")
            }
        })
    }
}

pub struct Question {
    pub command: Command,
    pub parties: Vec<Party>,
}

fn refused(command: Command, why: &'static str) -> Command {
    Command { typed: Some(Typed::Unknown(why)), ..command }
}

fn look(questions: &Receiver<Question>, back: &Inbox) {
    while let Ok(Question { command, parties }) = questions.recv() {
        let typed = match shared(&seats(command.caller.pid), &parties, Instant::now() + LOOK_TIMEOUT) {
            Ok(None) => Typed::Alone,
            Ok(Some(found)) => Typed::Shared(found),
            Err(_) => Typed::Unknown("looking at the sessions' processes takes longer than 2 s"),
        };
        let command = Box::new(Command { typed: Some(typed), ..command });
        if back.send(Message::Command(command)).is_err() {
            return; // the event loop has ended
        }
    }
}
