//! What a decision is about, as a text that a key signs.

use jiff::Timestamp;

use crate::{
    control::{
        api::Approval,
        command::RequestError,
        factors::{StatementView, WantedStatement},
        peer::Caller,
        suspensions::Suspend,
    },
    daemon::{
        apply::stopping::freeze_evidence,
        context::Context,
        serve::{
            decisions::{self, answers, suspending},
            permissions::{self, Act},
            refusals::{objected, refusal},
        },
    },
    factor::{
        key::NAMESPACE,
        statement::{Statement, VALID},
    },
};
use interlock_core::{
    decide::Objection,
    facts::{FactorKind, SessionId},
    holds::{
        evidence::Evidence,
        extent::{Extent, More, Scope},
    },
    sessions::Way,
};
use interlock_host::clock::whole_seconds;

/// The statement that a person asks for, to sign it.
pub fn wanted(
    ctx: &Context,
    caller: &Caller,
    wanted: &WantedStatement,
) -> Result<StatementView, RequestError> {
    let object = &wanted.object;
    let statement = match wanted.verdict.as_str() {
        "approve" => {
            let WantedStatement { for_seconds, times, session, scope, ref reason, .. } = *wanted;
            let reason = reason.clone();
            let approval = Approval { for_seconds, times, session, scope, reason, ..Approval::default() };
            of_approval(ctx, caller, object, &approval)?.0
        }
        "thaw" => of_thaw(ctx, caller, object)?,
        "break-glass" | "pause" => {
            let way = if wanted.verdict == "pause" { Way::Pause } else { Way::BreakGlass };
            let asked = Suspend {
                way,
                session: Some(object.clone()).filter(|id| !id.is_empty()),
                for_seconds: wanted.for_seconds.unwrap_or_default(),
                reason: wanted.reason.clone().unwrap_or_default(),
                proof: None,
            };
            of_suspension(ctx, caller, &asked)?
        }
        "factor-add" => of_factor(ctx, caller, "factor-add", object),
        "factor-remove" => of_factor(ctx, caller, "factor-remove", object),
        other => {
            return Err(RequestError::Invalid(refusal(&format!(
                "there is no verdict {other:?}; expected approve, thaw, break-glass, pause, factor-add or factor-remove"
            ))));
        }
    };
    let expires = expires();
    Ok(StatementView { statement: statement.text(expires), namespace: NAMESPACE.to_owned(), expires })
}

/// An approval that could be given now, and what its rule asks for; anything else is not worth a signature.
pub fn of_approval(
    ctx: &Context,
    caller: &Caller,
    id: &str,
    approval: &Approval,
) -> Result<(Statement, Option<FactorKind>), RequestError> {
    let hold = permissions::hold_for(ctx, caller, id, Act::Approve)?;
    let yes = answers::if_proven(ctx, caller, &hold, approval)?;
    match ctx.decider.may_approve(&yes) {
        // Who says what they were shown is asked about that afterwards.
        Err(Objection::Unseen(_)) if approval.seen.is_some() => {}
        Err(objection) => return Err(objected(&hold, &objection)),
        Ok(_) => {}
    }
    let evidence = Evidence::of(&hold).whole().to_owned();
    let about = about(ctx, caller, "approve", hold.id(), SessionId(hold.session), evidence);
    Ok((Statement { reach: reach(yes.extent), reason: yes.reason, ..about }, hold.terms.factor))
}

pub fn of_thaw(ctx: &Context, caller: &Caller, id: &str) -> Result<Statement, RequestError> {
    let session = decisions::thawable(ctx, caller, id)?;
    Ok(about(ctx, caller, "thaw", session.id.to_string(), session.id, freeze_evidence(session)))
}

pub fn of_suspension(ctx: &Context, caller: &Caller, asked: &Suspend) -> Result<Statement, RequestError> {
    let plan = suspending::plan(ctx, caller, asked)?;
    let sessions = suspending::objects(&plan);
    let mut statement = of_factor(ctx, caller, plan.way.word(), &sessions);
    statement.session = sessions;
    (statement.reach, statement.reason) = (Some(format!("{} s", plan.span.as_secs())), Some(plan.reason));
    Ok(statement)
}

pub fn of_factor(ctx: &Context, caller: &Caller, verdict: &'static str, what: &str) -> Statement {
    Statement {
        session: "-".into(),
        ..about(ctx, caller, verdict, what.to_owned(), SessionId(0), "-".into())
    }
}

fn about(
    ctx: &Context,
    caller: &Caller,
    verdict: &'static str,
    object: String,
    session: SessionId,
    evidence: String,
) -> Statement {
    let (reach, reason) = (None, None);
    let session = session.to_string();
    Statement { verdict, object, session, evidence, reach, reason, user: caller.uid, origin: origin(ctx) }
}

/// How far an approval reaches, in words; `None`: once.
fn reach(extent: Extent) -> Option<String> {
    let Extent::More(More { reach, times, scope }) = extent else { return None };
    let ends =
        [reach.map(|reach| format!("{} s", reach.as_secs())), times.map(|times| format!("{times} times"))];
    let ends: Vec<String> = ends.into_iter().flatten().collect();
    let ends = if ends.is_empty() { "the session".to_owned() } else { ends.join(", ") };
    Some(match scope {
        Scope::Object => ends,
        Scope::Provider => format!("{ends}, its provider"),
        Scope::Class => format!("{ends}, its class"),
    })
}

/// The name of the ledger's key, which no two hosts have; where there is none, the host's.
fn origin(ctx: &Context) -> String {
    let key = ctx.reporter.notary.public().and_then(|public| public.split('+').next()).map(str::to_owned);
    key.unwrap_or_else(interlock_host::machine::name)
}

/// When a text that is to be signed now expires.
fn expires() -> Timestamp {
    whole_seconds(Timestamp::now()).saturating_add(VALID).unwrap_or(Timestamp::MAX)
}
