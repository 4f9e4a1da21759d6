//! Break-glass and pause: who may have nothing of a session stopped for a time, and for how long.

use std::time::Duration;

use super::{decider, provable, who};
use crate::{
    control::{
        api::{Refusal, SessionView},
        command::{RequestError, Strength},
        peer::Caller,
        suspensions::{Resume, Suspend},
    },
    daemon::{
        apply,
        context::Context,
        serve::{
            permissions,
            refusals::{not_permitted, refusal, unfit},
            views,
        },
    },
};
use interlock_core::{
    decide::{Input, NotSuspendable},
    facts::SessionId,
    holds::reason::reason,
    record::Kind,
    sessions::{Suspension, Way},
};
use interlock_host::clock::boot_now;

/// What is asked for, checked.
pub struct Plan {
    pub way: Way,
    pub sessions: Vec<SessionId>,
    pub span: Duration,
    pub reason: String,
}

/// Whether the caller may have it, for which sessions, and for how long.
///
/// # Errors
/// Why not.
pub fn plan(ctx: &Context, caller: &Caller, asked: &Suspend) -> Result<Plan, RequestError> {
    let way = asked.way;
    let most = match way {
        Way::BreakGlass => {
            permissions::administer(&ctx.config, caller, "break the glass")?;
            ctx.config.break_glass_most
        }
        Way::Pause => ctx.config.pause.ok_or_else(|| {
            no(
                "the configuration allows no pause (pause = \"off\")",
                "root can set the longest, as pause = \"15m\"",
            )
        })?,
    };
    let span = Duration::from_secs(asked.for_seconds);
    if span.is_zero() || span > most {
        let (seconds, most) = (span.as_secs(), most.as_secs());
        let key = if way == Way::Pause { "pause" } else { "break_glass_most" };
        return Err(RequestError::Invalid(refusal(&format!(
            "found {seconds} s; expected 1 s to {most} s (the key `{key}`)"
        ))));
    }
    let reason = reason(&asked.reason).map_err(unfit)?;
    let sessions = sessions(ctx, caller, asked)?;
    Ok(Plan { way, sessions, span, reason })
}

fn sessions(ctx: &Context, caller: &Caller, asked: &Suspend) -> Result<Vec<SessionId>, RequestError> {
    let way = asked.way;
    let is_own =
        |id: SessionId| ctx.decider.sessions.get(id).is_some_and(|session| session.user == caller.uid);
    let Some(text) = &asked.session else {
        if way == Way::BreakGlass {
            return Err(RequestError::Invalid(refusal("expected a session: the glass is broken for one")));
        }
        let may = |id: &SessionId| is_own(*id) && ctx.decider.may_suspend(*id, way).is_ok();
        let own: Vec<SessionId> = ctx.decider.sessions.ids().into_iter().filter(may).collect();
        let none = || RequestError::Conflict(refusal("no session of yours runs that could be paused"));
        return if own.is_empty() { Err(none()) } else { Ok(own) };
    };
    let id = permissions::visible_session(ctx, caller, text)?;
    if way == Way::Pause && !is_own(id) && caller.uid != 0 {
        return Err(not_permitted(&format!("session {id} is not yours to pause")));
    }
    ctx.decider.may_suspend(id, way).map_err(|why| unsuspendable(id, why))?;
    Ok(vec![id])
}

fn no(error: &str, hint: &str) -> RequestError {
    RequestError::NotPermitted(Refusal { error: error.to_owned(), hint: Some(hint.to_owned()) })
}

fn unsuspendable(id: SessionId, why: NotSuspendable) -> RequestError {
    let (error, hint) = match why {
        NotSuspendable::Over => (format!("session {id} is over"), None),
        NotSuspendable::Frozen => (
            format!("session {id} is frozen"),
            Some(format!("a thaw is a decision of its own: interlock thaw {id}")),
        ),
        NotSuspendable::BrokenGlass => (
            format!("the glass is broken for session {id} already"),
            Some(format!("interlock break-glass {id} --end ends that")),
        ),
    };
    RequestError::Conflict(Refusal { error, hint })
}

/// Suspends what is asked for. Each is recorded before it begins.
pub fn suspend(
    ctx: &mut Context,
    caller: &Caller,
    asked: &Suspend,
    strength: Option<Strength>,
) -> Result<Vec<SessionView>, RequestError> {
    // Of what was proven, `strength::proof::still_stands` has compared all of it: also that no session began or ended since.
    let Plan { way, sessions, span, reason } = plan(ctx, caller, asked)?;
    let who = decider(ctx, caller, strength)?;
    for id in &sessions {
        let detail = [
            ("change", "begin".into()),
            ("way", way.word().into()),
            ("for_seconds", span.as_secs().into()),
            ("reason", reason.clone().into()),
        ];
        provable(ctx, Kind::BreakGlass, &who, *id, detail, "suspended")?;
        let since = boot_now();
        let (who, reason) = (who.clone(), reason.clone());
        let suspension = Box::new(Suspension { way, since, until: since.plus(span), who, reason });
        apply::step(ctx, Input::Suspended { session: *id, suspension });
    }
    Ok(shown(ctx, &sessions))
}

/// Ends it. Whoever may decide about a session may, as it stops more and not less.
pub fn resume(ctx: &mut Context, caller: &Caller, asked: &Resume) -> Result<Vec<SessionView>, RequestError> {
    let suspended = |ctx: &Context, id: SessionId| {
        ctx.decider.sessions.get(id).is_some_and(|session| session.suspension().is_some())
    };
    let ids = match &asked.session {
        Some(text) => {
            let id = permissions::visible_session(ctx, caller, text)?;
            permissions::may_resume(ctx, caller, id)?;
            vec![id]
        }
        None => ctx.decider.sessions.ids(),
    };
    let is_own = |ctx: &Context, id| permissions::may_resume(ctx, caller, id).is_ok();
    let ids: Vec<SessionId> = ids.into_iter().filter(|id| suspended(ctx, *id) && is_own(ctx, *id)).collect();
    if ids.is_empty() {
        return Err(RequestError::Conflict(refusal("nothing is suspended that you could end")));
    }
    for id in &ids {
        let who = who(ctx, caller);
        apply::step(ctx, Input::Resumed { session: *id, who });
    }
    Ok(shown(ctx, &ids))
}

fn shown(ctx: &Context, ids: &[SessionId]) -> Vec<SessionView> {
    let sessions = ids.iter().filter_map(|id| ctx.decider.sessions.get(*id));
    sessions.map(|session| views::session_view(&ctx.decider, &ctx.reporter.wall, session)).collect()
}

/// The sessions that it is about, by their ids.
pub fn objects(plan: &Plan) -> String {
    let ids: Vec<String> = plan.sessions.iter().map(SessionId::to_string).collect();
    ids.join(" ")
}
