//! How strong a decision is: whether a session could have typed it, and what the person gave beside asking.
//!
//! Both are looked at by threads of their own, and the request comes again with what they found.

pub mod enrolling;
pub mod given;
pub mod proof;
pub mod seats;
pub mod statements;
pub mod telling;

use crate::{
    control::command::{Command, RequestError},
    daemon::context::Context,
};

/// Has looked at what has to be looked at for a command, in its order; `None` where it comes again. No code is used up by what could
/// not be decided anyway.
pub fn look(ctx: &mut Context, command: Command) -> Option<(Command, Result<(), RequestError>)> {
    let command = seats::look_where_it_was_typed(ctx, command)?;
    let (config, sessions) = (&ctx.config, &ctx.decider.sessions);
    if let Err(no) =
        seats::refuse_what_may_be_typed(config, sessions, &command.caller, command.typed.as_ref())
    {
        return Some((command, Err(no)));
    }
    let command = proof::look_what_was_given(ctx, command)?;
    let stands = proof::still_stands(ctx, &command);
    Some((command, stands))
}
