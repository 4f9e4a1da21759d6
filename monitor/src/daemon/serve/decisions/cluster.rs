//! Decisions that come through the cluster. Who decides is a user of the cluster and nobody of this machine: neither `approvers` nor
//! `roles` speak for them, and no factor is theirs.

use interlock_kubernetes::holds::{
    decision::{Answer, DecisionSpec, Verdict},
    decisions::{Proposal, Standing},
    limits,
};
use serde_json::json;

use super::{
    answers::{extent, fit},
    provable,
};
use crate::{
    control::{
        api::{self, Refusal},
        command::RequestError,
    },
    daemon::{
        apply::{self, stopping::freeze_evidence},
        context::Context,
        serve::{
            permissions::of_cluster,
            refusals::{decided_before, not_permitted, objected, undecidable, with_hint},
        },
        upkeep::saving,
    },
};
use interlock_core::{
    decide::{Approval, Denial, Input, Objection},
    facts::{HoldState, PodOwner, SessionId},
    holds::{Hold, Holds, Undecidable, evidence::Evidence},
    mask,
    plain::{misleads, plain},
    record::{ClusterUser, Kind, Who},
};

/// Decides, and says what came of it.
pub fn decide(ctx: &mut Context, proposal: &Proposal) -> (Answer, String) {
    let (answer, message) = match decided(ctx, proposal) {
        Ok(message) => (Answer::Accepted, message),
        Err(no) => {
            of_cluster::note(ctx, proposal, &no);
            refused(&proposal.standing, no)
        }
    };
    ctx.reporter.metrics.kubernetes_decision(proposal.spec.verdict.subresource(), word(answer));
    saving::write_down(ctx); // what was answered outlives a daemon that is killed now
    (answer, plain(&mask::text(&message)))
}

fn decided(ctx: &mut Context, proposal: &Proposal) -> Result<String, RequestError> {
    permitted(ctx, proposal)?;
    match proposal.spec.verdict {
        Verdict::Approve => approve(ctx, proposal),
        Verdict::Deny => deny(ctx, proposal),
        Verdict::Thaw => thaw(ctx, proposal),
    }
}

/// Fails closed: who is no person, or whom nobody can say, decides nothing, a denial neither, as it is recorded in a person's name.
fn permitted(ctx: &Context, proposal: &Proposal) -> Result<(), RequestError> {
    let DecisionSpec { user, groups, verdict, .. } = &proposal.spec;
    if user.contains(misleads) {
        let error = "the user's name holds what a terminal would obey or not show";
        return Err(RequestError::Invalid(Refusal { error: error.to_owned(), hint: None }));
    }
    match &proposal.standing {
        Standing::Person => {}
        Standing::Workload { own: true } => {
            return Err(not_permitted(&format!("{user} is the service account of the agent's own pod")));
        }
        Standing::Workload { own: false } => {
            return Err(not_permitted(&format!("{user} runs in the cluster: a person decides")));
        }
        Standing::Unproven(why) => return Err(not_permitted(why)),
    }
    let roles = &ctx.config.kubernetes.roles;
    let may = match verdict {
        Verdict::Approve | Verdict::Deny => roles.may_decide(user, groups),
        Verdict::Thaw => roles.may_thaw(user, groups),
    };
    if may {
        return Ok(());
    }
    let hint = "kubernetes.approvers and kubernetes.admins of the daemon's configuration say who may";
    let error = format!("kubernetes user {user} may not {}", verdict.subresource());
    Err(RequestError::NotPermitted(Refusal { error, hint: Some(hint.to_owned()) }))
}

fn approve(ctx: &mut Context, proposal: &Proposal) -> Result<String, RequestError> {
    let hold = waiting(ctx, &proposal.id)?;
    let spec = &proposal.spec;
    // Fails closed: the evidence is of all that waits, and the object shows so many of them.
    if hold.company.lines().len() > limits::LIST {
        let error = format!("more waits under {} than the cluster shows", hold.id());
        let hint = Some("approve it on its node, by interlock approve".to_owned());
        return Err(RequestError::Conflict(Refusal { error, hint }));
    }
    let asked = api::Approval {
        for_seconds: spec.for_seconds.map(u64::from),
        times: spec.times,
        ..api::Approval::default()
    };
    let approval = Approval {
        extent: extent(&asked)?,
        evidence: Some(spec.evidence.clone()),
        reason: fit(spec.reason.as_deref())?,
        groups: ctx.config.kubernetes.roles.standing_for(&spec.groups),
        owns: owns(ctx, &hold, &spec.user),
        ..Approval::of(hold.number, who(ctx, proposal))
    };
    ctx.decider.may_approve(&approval).map_err(|objection| objected_to(&hold, &objection))?;
    let given = hold.given().count() + 1;
    let detail = [
        ("hold", hold.id().into()),
        ("destination", hold.target().into()),
        ("for_seconds", json!(spec.for_seconds)),
        ("times", json!(spec.times)),
        ("evidence", Evidence::of(&hold).whole().into()),
        ("reason", json!(approval.reason)),
        ("approvals", given.into()),
        ("approvals_asked", hold.terms.count.into()),
    ];
    provable(ctx, Kind::Approve, &approval.who, SessionId(hold.session), detail, "approved")?;
    apply::step(ctx, Input::Approved(approval));
    let id = hold.id();
    Ok(match ctx.decider.holds().get(hold.number) {
        Some(hold) if hold.state == HoldState::Waiting => {
            format!("{given} of {} approvals; {id} goes on waiting", hold.terms.count)
        }
        _ => format!("released {id}: pid {} goes on to {}", hold.pid, hold.target()),
    })
}

fn deny(ctx: &mut Context, proposal: &Proposal) -> Result<String, RequestError> {
    let hold = waiting(ctx, &proposal.id)?;
    let denial = Denial {
        reason: fit(proposal.spec.reason.as_deref())?,
        evidence: Some(proposal.spec.evidence.clone()),
        ..Denial::of(hold.number, who(ctx, proposal))
    };
    apply::step(ctx, Input::Denied(denial));
    Ok(format!("denied {}: pid {} does not reach {}", hold.id(), hold.pid, hold.target()))
}

fn thaw(ctx: &mut Context, proposal: &Proposal) -> Result<String, RequestError> {
    let found = ctx.decider.sessions.find(&proposal.id).and_then(|id| ctx.decider.sessions.get(id));
    let Some(session) = found.filter(|session| session.is_frozen()) else {
        return Err(RequestError::Conflict(Refusal {
            error: format!("session {} is not frozen", proposal.id),
            hint: None,
        }));
    };
    let (id, evidence) = (session.id, freeze_evidence(session));
    if !evidence.starts_with(&proposal.spec.evidence) {
        let hint = Some("look again, and decide then".to_owned());
        let error = format!("session {id} is not frozen as it was: it was thawed and frozen again meanwhile");
        return Err(RequestError::Conflict(Refusal { error, hint }));
    }
    let (who, reason) = (who(ctx, proposal), fit(proposal.spec.reason.as_deref())?);
    provable(
        ctx,
        Kind::Thaw,
        &who,
        id,
        [("evidence", evidence.into()), ("reason", json!(reason))],
        "thawed",
    )?;
    apply::step(ctx, Input::Thawed { session: id, who });
    Ok(format!("session {id} goes on, on probation"))
}

fn waiting(ctx: &Context, id: &str) -> Result<Hold, RequestError> {
    let number = Holds::number(id).unwrap_or_default();
    match ctx.decider.holds().get(number) {
        Some(hold) if hold.state == HoldState::Waiting => Ok(hold.clone()),
        Some(hold) => Err(decided_before(&ctx.reporter.wall, hold)),
        None => Err(undecidable(number, &Undecidable::Unknown)),
    }
}

/// What the cluster cannot bring has another way.
fn objected_to(hold: &Hold, objection: &Objection) -> RequestError {
    match (objected(hold, objection), objection) {
        (RequestError::NotPermitted(refusal), Objection::Unproven(_)) => {
            let hint =
                "nobody can give one through the cluster: approve it on its node, by interlock approve";
            RequestError::NotPermitted(with_hint(refusal, hint))
        }
        (refused, _) => refused,
    }
}

fn who(ctx: &Context, proposal: &Proposal) -> Who {
    let spec = &proposal.spec;
    Who::Kubernetes(Box::new(ClusterUser {
        user: spec.user.clone(),
        uid: spec.uid.clone(),
        groups: ctx.config.kubernetes.roles.that_matter(&spec.groups),
        decision: proposal.decision.clone(),
        decision_uid: proposal.decision_uid.clone(),
    }))
}

/// Whether the workspace is who decides'; `None`: nobody can say.
fn owns(ctx: &Context, hold: &Hold, user: &str) -> Option<bool> {
    let pod = ctx.decider.sessions.get(SessionId(hold.session))?.pod.as_ref()?;
    is_owner(pod.owner.as_ref()?, user)
}

/// Fails closed: that somebody is *not* the owner is never known here, as a platform's names need not be the cluster's, and who may write pods
/// may write whose they are. Names are compared without what an authenticator puts around them: `oidc:ann` and `Ann@corp.example` are ann.
fn is_owner(owner: &PodOwner, user: &str) -> Option<bool> {
    (core(&owner.name) == core(user)).then_some(true)
}

fn core(name: &str) -> String {
    let name = name.rsplit([':', '/', '#']).next().unwrap_or(name);
    name.split('@').next().unwrap_or(name).to_lowercase()
}

fn refused(standing: &Standing, no: RequestError) -> (Answer, String) {
    let (answer, refusal) = match no {
        RequestError::NotPermitted(refusal) if matches!(standing, Standing::Unproven(_)) => {
            (Answer::Unproven, refusal)
        }
        RequestError::NotPermitted(refusal) | RequestError::Throttled(refusal) => {
            (Answer::NotPermitted, refusal)
        }
        RequestError::NotFound(refusal) | RequestError::Conflict(refusal) => (Answer::TooLate, refusal),
        RequestError::Invalid(refusal) => (Answer::Invalid, refusal),
    };
    let hint = refusal.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    (answer, refusal.error + &hint)
}

/// As the metrics name it.
fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Accepted => "accepted",
        Answer::NotPermitted => "not-permitted",
        Answer::TooLate => "too-late",
        Answer::Invalid => "invalid",
        Answer::Unproven => "unproven",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_core::facts::Trust;

    #[test]
    fn an_owner_is_known_by_any_spelling_of_a_name_and_nobody_is_known_to_be_none() {
        let owner = |name: &str, trust| PodOwner { name: name.into(), platform: "coder".into(), trust };
        for (name, trust, user, expected) in [
            ("ann", Trust::Template, "ann", Some(true)),
            ("ann", Trust::Platform, "oidc:Ann@corp.example", Some(true)),
            ("ann@corp.example", Trust::Platform, "https://issuer.example/realm#ann", Some(true)),
            ("ann", Trust::Platform, "ben@corp.example", None),
            ("ann", Trust::Tenant, "ben", None),
            ("7d3f1c2e-0000-4f50-a1b2-c3d4e5f60718", Trust::Platform, "ben", None),
            ("4711", Trust::Platform, "ben", None),
        ] {
            assert_eq!(is_owner(&owner(name, trust), user), expected, "{name} {user}");
        }
    }
}
