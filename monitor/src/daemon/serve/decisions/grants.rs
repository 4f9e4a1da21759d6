//! What approvals let go on later: shown, and taken back.

use super::who;
use crate::{
    control::{
        api::{GrantView, Refusal},
        command::RequestError,
        peer::Caller,
    },
    daemon::{
        apply,
        context::Context,
        serve::{
            permissions::{self, Act},
            refusals::one_of,
        },
    },
};
use interlock_core::{decide::Input, facts::SessionId, holds::Grant};
use interlock_host::clock::{Wall, boot_now};

/// Those that stand, of sessions that the caller sees.
pub fn list(ctx: &Context, caller: &Caller) -> Vec<GrantView> {
    visible(ctx, caller).map(|grant| view(&ctx.reporter.wall, grant)).collect()
}

/// Takes back what a hold's approval let go on later, at once: connections that went on by it ask again.
pub fn revoke(ctx: &mut Context, caller: &Caller, text: &str) -> Result<Vec<GrantView>, RequestError> {
    let known: Vec<&Grant> = visible(ctx, caller).filter(|grant| grant.id() == text).collect();
    let Some(session) = known.first().map(|grant| SessionId(grant.session())) else {
        let ids: Vec<String> = visible(ctx, caller).map(Grant::id).collect();
        return Err(RequestError::NotFound(Refusal {
            error: format!("there is no grant {text:?} that stands"),
            hint: Some(one_of("granted", &ids)),
        }));
    };
    let (hold, views) = (
        known.iter().map(|grant| grant.hold).max(),
        known.iter().map(|grant| view(&ctx.reporter.wall, grant)).collect(),
    );
    permissions::may(ctx, caller, session, Act::Stop)?;
    if let Some(hold) = hold {
        let who = who(ctx, caller);
        apply::step(ctx, Input::Revoked { hold, who });
    }
    Ok(views)
}

fn visible<'c>(ctx: &'c Context, caller: &'c Caller) -> impl Iterator<Item = &'c Grant> {
    let standing = ctx.decider.holds().grants().standing(boot_now());
    standing.filter(|grant| {
        permissions::is_visible(&ctx.config, &ctx.decider.sessions, caller, SessionId(grant.session()))
    })
}

fn view(wall: &Wall, grant: &Grant) -> GrantView {
    GrantView {
        id: grant.id(),
        session: SessionId(grant.session()).to_string(),
        covers: grant.covers().to_owned(),
        scope: grant.scope,
        rule: grant.rule.clone(),
        by: grant.by.clone(),
        since: wall.at(grant.since),
        until: grant.until.map(|until| wall.at(until)),
        left: grant.left,
    }
}
