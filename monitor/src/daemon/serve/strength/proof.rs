//! Whether something is asked for beside asking, and where it is looked at.

use super::{enrolling, given::changed, statements};
use crate::{
    config::FactorPolicy,
    control::command::{Command, Request, RequestError, Strength},
    daemon::context::{
        Context,
        mailbox::verifier::{Plan, Task, Then},
    },
    factor::{
        check::{Need, Proof},
        statement::Statement,
    },
};
use interlock_core::facts::FactorKind;

/// Hands a command to the thread that looks, if that matters; returns it back where nothing is looked at. What cannot be decided
/// anyway is not looked at either: its own refusal follows.
pub fn look_what_was_given(ctx: &mut Context, command: Command) -> Option<Command> {
    if command.strength.is_some() {
        return Some(command);
    }
    match plan(ctx, &command) {
        Some(Ok(plan)) => ctx.mailbox.verifier.ask(Task { command, plan }),
        Some(Err(_)) | None => Some(command), // whoever answers finds the same, and says it
    }
}

/// Whether what was proven is still what is decided: meanwhile another process may have joined, or another freeze begun. Fails closed.
pub fn still_stands(ctx: &Context, command: &Command) -> Result<(), RequestError> {
    let Some(Strength::Proven(stated, Ok(_))) = &command.strength else { return Ok(()) };
    match plan(ctx, command) {
        Some(Ok(plan)) if plan.statement != **stated => Err(changed()),
        _ => Ok(()), // what cannot be decided at all has a refusal of its own
    }
}

/// What is to be looked at; `None` where nothing is.
fn plan(ctx: &Context, command: &Command) -> Option<Result<Plan, RequestError>> {
    let caller = &command.caller;
    Some(match &command.request {
        Request::Approve(id, approval, _) => statements::of_approval(ctx, caller, id, approval)
            .map(|(statement, rule)| decision(ctx, statement, approval.proof.as_ref(), rule)),
        Request::Thaw(id, thaw, _) => statements::of_thaw(ctx, caller, id)
            .map(|statement| decision(ctx, statement, thaw.proof.as_ref(), None)),
        Request::Suspend(suspend, _) => statements::of_suspension(ctx, caller, suspend).map(|statement| {
            let need = Need { if_enrolled: true, rule: None }; // whatever the configuration says
            let proof = suspend.proof.clone().unwrap_or_default();
            Plan { statement, proof, need, then: Then::Decide }
        }),
        Request::Factors(user, _) => enrolling::plan_list(ctx, caller, *user),
        Request::Doctor(_) => Ok(enrolling::plan_survey(ctx, caller)),
        Request::AddFactor(new, _) => enrolling::plan_add(ctx, caller, new),
        Request::RemoveFactor(id, removal, _) => enrolling::plan_removal(ctx, caller, id, removal),
        _ => return None,
    })
}

fn decision(ctx: &Context, statement: Statement, proof: Option<&Proof>, rule: Option<FactorKind>) -> Plan {
    let need = Need { if_enrolled: ctx.config.factor == FactorPolicy::IfEnrolled, rule };
    Plan { statement, proof: proof.cloned().unwrap_or_default(), need, then: Then::Decide }
}
