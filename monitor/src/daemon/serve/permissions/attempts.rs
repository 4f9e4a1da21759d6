//! Who asks for what they may not is recorded, and not listened to for long.

use crate::{
    control::{
        api::Refusal,
        command::{Asks, Brings, Command, RequestError},
        peer::Caller,
    },
    daemon::context::{Context, upkeep::attempts::Attempt},
};
use interlock_core::{facts::SessionId, holds::Holds};
use interlock_host::clock::boot_now;

/// Refuses what would let something go on, of users who have tried too often.
pub fn refuse_throttled(ctx: &Context, command: &Command) -> Result<(), RequestError> {
    let brings = command.request.brings();
    let throttled = ctx.upkeep.attempts.throttled((command.caller.uid, brings), boot_now());
    let Some(left) = throttled.filter(|_| command.request.lets_go_on()) else { return Ok(()) };
    let (what, other) = match brings {
        Brings::Nothing => ("", ""),
        Brings::Code => (" by a code", ", and so does deciding by a key"),
        Brings::Signature => (" by a signature", ", and so does deciding by a code"),
    };
    let error = format!("user {} has asked too often for what it may not{what}", command.caller.uid);
    let hint = format!("in {} s again; denying and freezing go on{other}", left.as_secs() + 1);
    Err(RequestError::Throttled(Refusal { error, hint: Some(hint) }))
}

/// Notes a request that was refused because of who asked.
pub fn note(ctx: &mut Context, caller: &Caller, asks: &Asks, why: &RequestError) {
    let session = session_of(ctx, asks);
    let refused = match why {
        RequestError::NotPermitted(refusal) => refusal.error.clone(),
        // It exists, and is nothing that the caller sees.
        RequestError::NotFound(_) if session.is_some() => "it is not the caller's to see".to_owned(),
        RequestError::Throttled(refusal) => refusal.error.clone(),
        RequestError::NotFound(_) | RequestError::Conflict(_) | RequestError::Invalid(_) => return,
    };
    tell(ctx, caller, asks, Some(asks.brings), &refused);
}

/// The same of one that nobody can say who made. It counts for nobody: an agent must not use up what its person has.
pub fn note_nobodys(ctx: &mut Context, caller: &Caller, asks: &Asks, why: &str) {
    tell(ctx, caller, asks, None, why);
}

fn tell(ctx: &mut Context, caller: &Caller, asks: &Asks, brings: Option<Brings>, why: &str) {
    ctx.reporter.metrics.request_refused(asks.verb);
    let (session, verb, target) = (session_of(ctx, asks), asks.verb, asks.target.as_deref());
    let attempt = Attempt { session, pid: caller.pid, verb, target, brings, why };
    ctx.upkeep.attempts.tell(&mut ctx.reporter, &ctx.decider.sessions, caller.uid, &attempt);
}

/// The session that a request is about.
pub(super) fn session_of(ctx: &Context, asks: &Asks) -> Option<SessionId> {
    let target = asks.target.as_deref()?;
    let hold = |text: &str| Holds::number(text).and_then(|number| ctx.decider.holds().get(number));
    match asks.verb {
        "approve" | "deny" => hold(target).map(|hold| SessionId(hold.session)),
        "revoke" => {
            let grants = ctx.decider.holds().grants().all();
            grants.iter().find(|grant| grant.id() == target).map(|grant| SessionId(grant.session()))
        }
        _ => ctx.decider.sessions.find(target),
    }
}
