//! Decisions that a session could have typed for the person: where it can push input into the terminal that the caller was
//! started from, nothing goes on by them.
//!
//! Which processes have a terminal is looked at by a thread of its own, as a session may have thousands. What it finds is older
//! than the decision by the way back, some milliseconds. A session that takes the terminal in between is not seen (fails open),
//! but to type there it must have had it before: a terminal belongs to one POSIX session, which a process can leave and not join.
//! One that has let go of it by then is refused (fails closed).

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::Engine,
    handle::{Inbox, Message},
};
use crate::control::{
    api::Refusal,
    command::{Command, RequestError, Typed},
    peer::Caller,
};
use interlock_host::proc::seat::{Party, Pushing, Shared, seats, shared};

/// Decisions that wait to be looked at.
const WAITING_MAX: usize = 16;
/// How long one is looked at.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The thread that looks.
pub struct Looker(SyncSender<Question>);

struct Question {
    command: Command,
    parties: Vec<Party>,
}

impl Looker {
    /// # Errors
    /// No thread can be had.
    pub fn start(back: Inbox) -> io::Result<Self> {
        let (sender, questions) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("interlock-seats".into()).spawn(move || look(&questions, &back))?;
        Ok(Self(sender))
    }

    /// Gives the command back where it cannot be looked at.
    fn ask(&self, question: Question) -> Result<(), Command> {
        self.0.try_send(question).map_err(|error| match error {
            TrySendError::Full(question) => {
                refused(question.command, "too many decisions are asked for at once")
            }
            TrySendError::Disconnected(question) => {
                refused(question.command, "the thread that looks has ended; see the daemon's log")
            }
        })
    }
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
            return; // the engine has ended
        }
    }
}

impl Engine {
    /// Has the thread look where a decision was typed, if that matters; gives the command back where nothing is looked at.
    pub fn look_where_it_was_typed(&mut self, command: Command) -> Option<Command> {
        let matters = command.typed.is_none()
            && command.request.lets_go_on()
            && self.config.shared_terminal.is_refused(Pushing::of_this_machine());
        if !matters {
            return Some(command);
        }
        self.looker.ask(Question { command, parties: self.parties() }).err()
    }

    fn parties(&self) -> Vec<Party> {
        let party = |session: &interlock_core::sessions::Session| Party {
            id: session.id,
            started: session.started,
            first: self.surroundings.get(&session.id).and_then(|around| around.seat),
            pids: self.decider.sessions.pids(session.id, session.id.root()),
        };
        self.decider.sessions.iter().map(party).collect()
    }

    pub fn refuse_what_may_be_typed(
        &self,
        caller: &Caller,
        typed: Option<&Typed>,
    ) -> Result<(), RequestError> {
        let error = match typed {
            None | Some(Typed::Alone) => return Ok(()),
            Some(Typed::Unknown(why)) => {
                format!("whether a session can type in your terminal is not known: {why}")
            }
            Some(Typed::Shared(Shared { session, pid, terminal })) => {
                // Another user's session is nobody else's business.
                let theirs = !self.is_visible(caller, *session);
                let who = match pid {
                    _ if theirs => "another user's agent session".to_owned(),
                    Some(pid) => format!("process {pid} of session {session}"),
                    None => format!("session {session}"),
                };
                format!("{who} has your terminal {terminal} too, and could have typed this itself")
            }
        };
        let hint = Some(Pushing::of_this_machine().advice().to_owned());
        Err(RequestError::NotPermitted(Refusal { error, hint }))
    }
}
