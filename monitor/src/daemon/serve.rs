//! Requests from the control socket, each checked for who asks.

pub mod decisions;
pub mod explaining;
pub mod permissions;
pub mod refusals;
pub mod restored;
pub mod status;
pub mod strength;
pub mod views;

use crate::{
    control::command::{Command, Reply, Request, RequestError},
    daemon::{
        context::{Context, upkeep::reloading::Reason},
        upkeep::{reload, saving},
    },
};

use self::{
    decisions::suspending,
    permissions::{attempts, memberships},
    strength::{enrolling, statements},
};

pub fn answer(ctx: &mut Context, command: Command) {
    strength::telling::tell(ctx, &command);
    // The agent runs as the same user as the person: its processes are told apart by their lineage.
    let permitted = permissions::permit(ctx, &command);
    let is_heard = permitted.is_ok(); // else the attempt was told already
    let looked = match permitted {
        Ok(()) => match attempts::refuse_throttled(ctx, &command) {
            Ok(()) => memberships::look_up(ctx, command).and_then(|command| strength::look(ctx, command)),
            Err(no) => Some((command, Err(no))), // no user database is asked for whom nobody listens to
        },
        Err(no) => Some((command, Err(no))),
    };
    let Some((command, permitted)) = looked else { return }; // comes again, looked at
    let Command { caller, request, strength, .. } = command;
    let asks = request.asks();
    macro_rules! reply {
        ($reply:expr, $answer:expr) => {{
            let answer = permitted.and_then(|()| $answer);
            if let Err(why) = answer.as_ref()
                && is_heard
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
        Request::Thaw(id, _, reply) => reply!(reply, decisions::thaw_by(ctx, &caller, &id, strength)),
        Request::Holds { all, peek: true, reply } => {
            reply!(reply, Ok(permissions::visible_holds(ctx, &caller, all)))
        }
        Request::Holds { all, peek: false, reply } => {
            reply!(reply, Ok(decisions::show_holds(ctx, &caller, all)))
        }
        Request::Approve(id, approval, reply) => {
            reply!(reply, decisions::answers::approve(ctx, &caller, &id, &approval, strength))
        }
        Request::Deny(id, denial, reply) => {
            reply!(reply, decisions::answers::deny(ctx, &caller, &id, &denial))
        }
        Request::Grants(reply) => reply!(reply, Ok(decisions::grants::list(ctx, &caller))),
        Request::Revoke(id, reply) => reply!(reply, decisions::grants::revoke(ctx, &caller, &id)),
        Request::Explain { id, peek, reply } => reply!(reply, explaining::explain(ctx, &caller, &id, peek)),
        Request::Suspend(suspend, reply) => {
            reply!(reply, suspending::suspend(ctx, &caller, &suspend, strength))
        }
        Request::Resume(resume, reply) => reply!(reply, suspending::resume(ctx, &caller, &resume)),
        Request::Statement(wanted, reply) => reply!(reply, statements::wanted(ctx, &caller, &wanted)),
        Request::Factors(user, reply) => {
            reply!(reply, enrolling::found(strength, || enrolling::plan_list(ctx, &caller, user)))
        }
        Request::AddFactor(new, reply) => {
            reply!(reply, enrolling::found(strength, || enrolling::plan_add(ctx, &caller, &new)))
        }
        Request::RemoveFactor(id, removal, reply) => {
            reply!(reply, enrolling::found(strength, || enrolling::plan_removal(ctx, &caller, &id, &removal)))
        }
        Request::Reload(reply) => {
            let may = permissions::administer(&ctx.config, &caller, "reload the rules");
            match permitted.clone().and(may) {
                Ok(()) => reload::reload(ctx, Reason::Asked(reply)), // answered when the files were read
                Err(no) => reply!(reply, Err(no)),
            }
        }
        Request::Doctor(reply) => reply!(reply, Ok(status::doctor(ctx, strength.as_ref()))),
        Request::Notifier(reply) => {
            let answer = permissions::administer(&ctx.config, &caller, "see whom the notifier tells");
            reply!(reply, answer.map(|()| ctx.reporter.channels.notifier.views()))
        }
        Request::TestNotifier(test, reply) => reply!(reply, status::test_notifier(ctx, &caller, &test)),
        Request::Watch(reply) => reply!(reply, Ok(permissions::sight(&ctx.config, &caller))),
    }
}

fn send<T>(reply: Reply<T>, answer: Result<T, RequestError>) {
    let _ = reply.send(answer); // the caller hung up
}
