//! A person's yes or no to a hold.

use std::time::Duration;

use serde_json::json;

use super::{decided, decider, provable, who};
use crate::{
    control::{
        api::{self, HoldView},
        command::{RequestError, Strength},
        peer::Caller,
    },
    daemon::{
        apply,
        context::Context,
        serve::{
            permissions::{self, Act},
            refusals::{objected, refusal, unfit, with_hint},
        },
    },
};
use interlock_core::{
    decide::{Approval, Denial, Input, Objection},
    facts::SessionId,
    holds::{
        Hold,
        evidence::Evidence,
        extent::{Extent, More, Scope},
        reason::reason,
    },
    record::{Factor, Kind},
};

pub fn approve(
    ctx: &mut Context,
    caller: &Caller,
    text: &str,
    asked: &api::Approval,
    strength: Option<Strength>,
) -> Result<HoldView, RequestError> {
    let hold = permissions::hold_for(ctx, caller, text, Act::Approve)?;
    if let Some(shower) = asked.desktop {
        permissions::may_be_clicked(ctx, caller, shower)?;
    }
    let mut approval = if_proven(ctx, caller, &hold, asked)?;
    if let Some(seen) = asked.seen {
        shown_to_caller(ctx, &hold, seen)?;
    }
    if let Err(objection) = ctx.decider.may_approve(&approval) {
        if matches!(objection, Objection::Unseen(_)) {
            apply::step(ctx, Input::Shown { hold: hold.number }); // the refusal lists them
        }
        return Err(objected(&hold, &objection));
    }
    approval.who = decider(ctx, caller, strength)?;
    approval.factor = approval.who.factor().and_then(Factor::kind);
    ctx.decider.may_approve(&approval).map_err(|objection| objected(&hold, &objection))?;
    let given = hold.given().count() + 1;
    let detail = [
        ("hold", hold.id().into()),
        ("destination", hold.target().into()),
        ("for_seconds", json!(asked.for_seconds)),
        ("times", json!(asked.times)),
        ("session_long", asked.session.into()),
        ("scope", json!(asked.scope)),
        ("evidence", Evidence::of(&hold).whole().into()),
        ("reason", json!(approval.reason)),
        ("factor", json!(approval.who.factor())),
        ("approvals", given.into()),
        ("approvals_asked", hold.terms.count.into()),
        ("desktop", json!(asked.desktop)),
    ];
    provable(ctx, Kind::Approve, &approval.who, SessionId(hold.session), detail, "approved")?;
    apply::step(ctx, Input::Approved(approval));
    decided(ctx, hold.number)
}

/// How far the approval reaches.
pub(super) fn extent(asked: &api::Approval) -> Result<Extent, RequestError> {
    let api::Approval { for_seconds, times, session, scope, .. } = *asked;
    if for_seconds.is_none() && times.is_none() && !session {
        if scope != Scope::Object {
            let error = "an approval of more than one object says for how long or how often";
            return Err(RequestError::Invalid(with_hint(refusal(error), "for_seconds, times or session")));
        }
        return Ok(Extent::Once);
    }
    if session && (for_seconds.is_some() || times.is_some()) {
        return Err(RequestError::Invalid(refusal("an approval for the session has no other end")));
    }
    Ok(Extent::More(More { reach: for_seconds.map(Duration::from_secs), times, scope }))
}

/// What the caller asks for, as if what the hold's terms ask for had been given.
pub fn if_proven(
    ctx: &Context,
    caller: &Caller,
    hold: &Hold,
    asked: &api::Approval,
) -> Result<Approval, RequestError> {
    Ok(Approval {
        extent: extent(asked)?,
        evidence: asked.evidence.clone(),
        reason: fit(asked.reason.as_deref())?,
        groups: caller.groups().to_vec(),
        factor: hold.terms.factor,
        ..Approval::of(hold.number, who(ctx, caller))
    })
}

/// What the caller says to have been shown counts, and not what others were: a second reader must not make anything approved that
/// this person has not seen. Fails closed.
fn shown_to_caller(ctx: &mut Context, hold: &Hold, seen: usize) -> Result<(), RequestError> {
    let unseen: Vec<String> = hold.company.lines().into_iter().skip(seen).collect();
    if !unseen.is_empty() {
        return Err(objected(hold, &Objection::Unseen(unseen)));
    }
    apply::step(ctx, Input::Shown { hold: hold.number });
    Ok(())
}

pub fn deny(
    ctx: &mut Context,
    caller: &Caller,
    text: &str,
    asked: &api::Denial,
) -> Result<HoldView, RequestError> {
    let hold = permissions::hold_for(ctx, caller, text, Act::Stop)?;
    let denial = Denial {
        reason: fit(asked.reason.as_deref())?,
        evidence: asked.evidence.clone(),
        ..Denial::of(hold.number, who(ctx, caller))
    };
    apply::step(ctx, Input::Denied(denial));
    decided(ctx, hold.number)
}

/// A reason that can be kept.
pub(super) fn fit(text: Option<&str>) -> Result<Option<String>, RequestError> {
    text.map(reason).transpose().map_err(unfit)
}
