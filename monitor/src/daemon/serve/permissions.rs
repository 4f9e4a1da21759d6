//! Who may see, and decide about, which sessions and holds.

use crate::{
    config::Config,
    control::{
        api::{HoldView, Refusal, SessionView},
        command::RequestError,
        peer::Caller,
    },
    daemon::{
        context::{Context, reporter::explanations},
        serve::{
            refusals::{decided_before, not_permitted, one_of},
            views,
        },
    },
};
use interlock_core::{
    facts::{HoldState, SessionId},
    holds::{Hold, Holds},
    sessions::Registry,
};

/// Refuses whoever carries a label, and whoever is gone.
pub fn permit(ctx: &mut Context, caller: &Caller) -> Result<(), RequestError> {
    if let Some(label) = ctx.kernel.maps.label(caller.pid) {
        return Err(ctx.upkeep.asking.refuse(
            &mut ctx.reporter,
            &ctx.decider.sessions,
            SessionId(label.session),
            caller.pid,
        ));
    }
    // Only now: that it lives says that the missing label was its own. Fails closed: unknown is not permitted.
    if caller.process.as_ref().is_some_and(|process| !process.is_alive()) {
        return Err(not_permitted("the calling process has ended or is ending, so nobody knows who asks"));
    }
    Ok(())
}

/// Everybody sees their own sessions, and those that they may decide about.
pub fn sees(config: &Config, caller: &Caller, owner: u32) -> bool {
    caller.uid == owner || config.approvers.permit(caller.uid, owner)
}

/// Whether the caller sees a session.
pub fn is_visible(config: &Config, sessions: &Registry, caller: &Caller, id: SessionId) -> bool {
    sees(config, caller, explanations::owner(sessions, id))
}

pub fn visible_sessions(ctx: &Context, caller: &Caller) -> Vec<SessionView> {
    let ids = ctx.decider.sessions.ids();
    let sessions = ids.iter().filter_map(|id| ctx.decider.sessions.get(*id));
    sessions
        .filter(|session| sees(&ctx.config, caller, session.user))
        .map(|session| views::session_view(&ctx.decider, &ctx.reporter.wall, session))
        .collect()
}

pub fn visible_holds(ctx: &Context, caller: &Caller, all: bool) -> Vec<HoldView> {
    let decided = ctx.decider.holds().decided().filter(|_| all);
    let holds = decided.chain(ctx.decider.holds().waiting());
    holds
        .filter(|hold| sees_hold(ctx, caller, hold))
        .map(|hold| views::hold_view(&ctx.decider.sessions, &ctx.reporter.wall, hold))
        .collect()
}

/// Whether the caller sees a hold, also when its session is over.
fn sees_hold(ctx: &Context, caller: &Caller, hold: &Hold) -> bool {
    // One that an earlier version saved does not say whose it is: its session does, and where that is over it is root's. Fails closed.
    let owner =
        hold.owner.unwrap_or_else(|| explanations::owner(&ctx.decider.sessions, SessionId(hold.session)));
    sees(&ctx.config, caller, owner)
}

/// A waiting hold that the caller may decide. One that is decided is told to everybody who sees it.
pub fn hold_for(ctx: &Context, caller: &Caller, text: &str) -> Result<Hold, RequestError> {
    let known = Holds::number(text).and_then(|number| ctx.decider.holds().get(number));
    let Some(hold) = known.filter(|hold| sees_hold(ctx, caller, hold)) else {
        let waiting: Vec<String> =
            visible_holds(ctx, caller, false).into_iter().map(|hold| hold.id).collect();
        return Err(RequestError::NotFound(Refusal {
            error: format!("there is no hold {text:?}"),
            hint: Some(one_of("waiting", &waiting)),
        }));
    };
    if hold.state != HoldState::Waiting {
        return Err(decided_before(&ctx.reporter.wall, hold));
    }
    may_decide(&ctx.config, &ctx.decider.sessions, caller, SessionId(hold.session))?;
    Ok(hold.clone())
}

pub fn session_for(ctx: &Context, caller: &Caller, text: &str) -> Result<SessionId, RequestError> {
    let known = ctx
        .decider
        .sessions
        .find(text)
        .filter(|id| is_visible(&ctx.config, &ctx.decider.sessions, caller, *id));
    let id = known.ok_or_else(|| no_session(ctx, caller, text))?;
    may_decide(&ctx.config, &ctx.decider.sessions, caller, id)?;
    Ok(id)
}

/// Whether the caller may stop something of a session: deny, freeze, take back.
pub fn may_stop(ctx: &Context, caller: &Caller, id: SessionId) -> Result<(), RequestError> {
    may_decide(&ctx.config, &ctx.decider.sessions, caller, id)
}

fn may_decide(
    config: &Config,
    sessions: &Registry,
    caller: &Caller,
    id: SessionId,
) -> Result<(), RequestError> {
    if config.approvers.permit(caller.uid, explanations::owner(sessions, id)) {
        return Ok(());
    }
    Err(RequestError::NotPermitted(Refusal {
        error: format!("user {} may not decide about session {id}", caller.uid),
        hint: Some("the key `approvers` of the configuration says who may".into()),
    }))
}

pub fn no_session(ctx: &Context, caller: &Caller, text: &str) -> RequestError {
    let known: Vec<String> = visible_sessions(ctx, caller).into_iter().map(|session| session.id).collect();
    RequestError::NotFound(Refusal {
        error: format!("there is no session {text:?}"),
        hint: Some(one_of("running", &known)),
    })
}
