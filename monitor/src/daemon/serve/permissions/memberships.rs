//! Which of a caller's groups matter for its request, and who looks them up.

use crate::{
    control::command::{Command, Request},
    daemon::context::{Context, mailbox::directory::Membership},
};
use interlock_core::holds::Holds;
use interlock_host::proc::login;

/// Has the groups looked up that the request's answer depends on; returns the command back where there are none.
pub fn look_up(ctx: &mut Context, command: Command) -> Option<Command> {
    if command.caller.groups.is_some() {
        return Some(command);
    }
    let (user, pid) = (command.caller.uid, command.caller.pid);
    let mut among = Vec::new();
    if user != 0 {
        among.extend(ctx.config.roles.groups().cloned()); // root is an admin without them
    }
    if let Some(hold) = approved(&command.request)
        && let Some(hold) = Holds::number(hold).and_then(|number| ctx.decider.holds().get(number))
    {
        among.extend(hold.terms.groups().flatten().cloned());
    }
    if among.is_empty() {
        return Some(command);
    }
    // Several people may become root: the one who logged in is asked about.
    let user = if user == 0 { login::login_uid(pid).unwrap_or(0) } else { user };
    ctx.mailbox.directory.ask(Membership { command, user, among })
}

/// The hold that is to be approved, or whose approval is to be signed: a rule may ask for somebody of a group.
fn approved(request: &Request) -> Option<&str> {
    match request {
        Request::Approve(hold, ..) => Some(hold),
        Request::Statement(wanted, _) if wanted.verdict == "approve" => Some(&wanted.object),
        _ => None,
    }
}
