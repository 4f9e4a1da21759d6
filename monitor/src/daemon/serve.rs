//! Requests from the control socket, each checked for who asks.

pub mod decisions;
pub mod explaining;
pub mod permissions;
pub mod refusals;
pub mod restored;
pub mod seats;
pub mod status;
pub mod views;

use crate::{
    control::command::{Command, Reply, Request, RequestError},
    daemon::{
        context::{Context, upkeep::reloading::Reason},
        upkeep::{reload, saving},
    },
};

use self::permissions::{attempts, memberships};

pub fn answer(ctx: &mut Context, command: Command) {
    // The agent runs as the same user as the person: its processes are told apart by their lineage.
    let permitted = permissions::permit(ctx, &command.caller);
    let command = match permitted {
        Ok(()) => memberships::look_up(ctx, command)
            .and_then(|command| seats::look_where_it_was_typed(ctx, command)),
        Err(_) => Some(command),
    };
    let Some(command) = command else { return }; // comes again, looked at
    let heard = permitted.and_then(|()| attempts::refuse_throttled(ctx, &command));
    let Command { caller, request, typed } = command;
    let asks = request.asks();
    // Of whoever carries a label or has ended, the attempt was told already.
    let permitted = heard.and_then(|()| {
        seats::refuse_what_may_be_typed(&ctx.config, &ctx.decider.sessions, &caller, typed.as_ref())
    });
    macro_rules! reply {
        ($reply:expr, $answer:expr) => {{
            let is_known = permitted.is_ok();
            let answer = permitted.and_then(|()| $answer);
            if let Err(why) = answer.as_ref()
                && is_known
            {
                attempts::note(ctx, &caller, &asks, why);
            }
            saving::write_down(ctx); // what was answered outlives a daemon that is killed now
            send($reply, answer)
        }};
    }
    match request {
        Request::Status(reply) => reply!(reply, Ok(status::status(ctx, &caller))),
        Request::Sessions(reply) => reply!(reply, Ok(permissions::visible_sessions(ctx, &caller))),
        Request::Enroll(enroll, reply) => reply!(reply, decisions::enroll(ctx, &caller, enroll)),
        Request::Freeze(id, reply) => reply!(reply, decisions::freeze_by(ctx, &caller, &id)),
        Request::Kill(id, reply) => reply!(reply, decisions::kill_by(ctx, &caller, &id)),
        Request::Thaw(id, reply) => reply!(reply, decisions::thaw_by(ctx, &caller, &id)),
        Request::Holds { all, peek: true, reply } => {
            reply!(reply, Ok(permissions::visible_holds(ctx, &caller, all)))
        }
        Request::Holds { all, peek: false, reply } => {
            reply!(reply, Ok(decisions::show_holds(ctx, &caller, all)))
        }
        Request::Approve(id, approval, reply) => {
            reply!(reply, decisions::answers::approve(ctx, &caller, &id, &approval))
        }
        Request::Deny(id, denial, reply) => {
            reply!(reply, decisions::answers::deny(ctx, &caller, &id, &denial))
        }
        Request::Grants(reply) => reply!(reply, Ok(decisions::grants::list(ctx, &caller))),
        Request::Revoke(id, reply) => reply!(reply, decisions::grants::revoke(ctx, &caller, &id)),
        Request::Explain { id, peek, reply } => reply!(reply, explaining::explain(ctx, &caller, &id, peek)),
        Request::Reload(reply) => {
            match permitted.and_then(|()| permissions::administer(&ctx.config, &caller, "reload the rules")) {
                Ok(()) => reload::reload(ctx, Reason::Asked(reply)), // answered when the files were read
                Err(no) => send(reply, Err(no)),
            }
        }
        Request::Doctor(reply) => reply!(reply, Ok(status::doctor(ctx))),
        Request::Notifier(reply) => {
            let answer = permissions::administer(&ctx.config, &caller, "see whom the notifier tells");
            reply!(reply, answer.map(|()| ctx.reporter.notifier.views()))
        }
        Request::TestNotifier(test, reply) => reply!(reply, status::test_notifier(ctx, &caller, &test)),
        Request::Watch(reply) => reply!(reply, Ok(permissions::sight(&ctx.config, &caller))),
    }
}

fn send<T>(reply: Reply<T>, answer: Result<T, RequestError>) {
    let _ = reply.send(answer); // the caller hung up
}
