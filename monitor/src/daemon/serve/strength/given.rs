//! What was found about what a person gave, for the decision that takes it.

use serde_json::json;

use crate::{
    control::{
        api::Refusal,
        command::{RequestError, Strength},
        peer::Caller,
    },
    daemon::context::Context,
    factor::refused::Refused,
};
use interlock_core::{
    facts::Severity,
    record::{Factor, Kind, Who},
};

/// What the thread found, for a decision that takes it.
///
/// # Errors
/// It is not enough, or nobody has looked (fails closed).
pub fn given(strength: Option<Strength>) -> Result<Factor, RequestError> {
    match strength {
        Some(Strength::Proven(_, Ok(factor))) => Ok(factor),
        Some(Strength::Proven(_, Err(refused))) => Err(in_words(&refused)),
        _ => Err(changed()),
    }
}

pub(super) fn changed() -> RequestError {
    RequestError::Conflict(Refusal {
        error: "what is decided changed while it was looked at".to_owned(),
        hint: Some("look again, and decide then".to_owned()),
    })
}

/// Counts and tells a refusal.
pub(super) fn tell_refused(ctx: &mut Context, caller: &Caller, refused: &Refused) {
    ctx.reporter.metrics.factor_checked(refused.word());
    let (error, _) = refused.said();
    let locks = matches!(refused, Refused::Code { locks: true, .. });
    if locks {
        let detail = [("change", "locked".into()), ("user", caller.uid.into())];
        ctx.reporter.record(Kind::Factor, Who::caller(caller.uid, caller.pid), None, detail);
    }
    if !matches!(refused, Refused::Malformed(_)) {
        let (action, severity) =
            if locks { ("factor-locked", Severity::High) } else { ("factor-refused", Severity::Medium) };
        let event = ctx
            .reporter
            .event_of_daemon(action)
            .alert(severity, &error)
            .with("user.id", caller.uid.to_string())
            .with("process.pid", caller.pid)
            .with("factor.refused", json!(refused.word()));
        ctx.reporter.publish(&ctx.decider.sessions, event);
    }
}

/// A refusal in words.
pub fn in_words(refused: &Refused) -> RequestError {
    let (error, hint) = refused.said();
    let refusal = Refusal { error, hint };
    match refused {
        Refused::Malformed(_) => RequestError::Invalid(refusal),
        _ => RequestError::NotPermitted(refusal),
    }
}
