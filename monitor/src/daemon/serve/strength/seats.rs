//! Decisions that a session could have typed for the person: where it can push input into the terminal that the caller was
//! started from, nothing goes on by them.

use std::collections::HashMap;

use crate::{
    config::Config,
    control::{
        api::Refusal,
        command::{Command, RequestError, Typed},
        peer::Caller,
    },
    daemon::{
        context::{Context, mailbox::looker::Question},
        serve::permissions,
    },
};
use interlock_core::{
    facts::SessionId,
    sessions::{Registry, Session},
};
use interlock_host::proc::{
    seat::{Party, Pushing, Shared},
    surroundings::Surroundings,
};

/// Has the thread look where a decision was typed, if that matters; returns the command back where nothing is looked at.
pub fn look_where_it_was_typed(ctx: &mut Context, command: Command) -> Option<Command> {
    let matters = command.typed.is_none()
        && command.request.lets_go_on()
        && ctx.config.shared_terminal.is_refused(Pushing::of_this_machine());
    if !matters {
        return Some(command);
    }
    ctx.mailbox
        .looker
        .ask(Question { command, parties: parties(&ctx.decider.sessions, &ctx.surveying.surroundings) })
}

fn parties(sessions: &Registry, surroundings: &HashMap<SessionId, Surroundings>) -> Vec<Party> {
    let party = |session: &Session| Party {
        id: session.id,
        started: session.started,
        first: surroundings.get(&session.id).and_then(|around| around.seat),
        pids: sessions.pids(session.id, session.id.root()),
    };
    sessions.iter().map(party).collect()
}

pub fn refuse_what_may_be_typed(
    config: &Config,
    sessions: &Registry,
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
            let theirs = !permissions::is_visible(config, sessions, caller, *session);
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
