//! Who asks through the cluster for what they may not is recorded.

use interlock_kubernetes::holds::decisions::{Proposal, Standing};

use super::attempts::session_of;
use crate::{
    control::command::{Asks, Brings, RequestError},
    daemon::context::{Context, upkeep::attempts::EVENT},
};
use interlock_core::facts::Severity;
use interlock_host::clock::boot_now;

/// Notes a decision that was refused because of who made it. How often one may is the cluster's to say: each is told, and equal ones of a
/// minute are counted.
pub fn note(ctx: &mut Context, proposal: &Proposal, why: &RequestError) {
    let RequestError::NotPermitted(refusal) = why else { return };
    let (verb, target) = (proposal.spec.verdict.subresource(), proposal.id.clone());
    ctx.reporter.metrics.request_refused(verb);
    let asks = Asks { verb, target: Some(target.clone()), brings: Brings::Nothing };
    let is_own = proposal.standing == Standing::Workload { own: true };
    let severity = if is_own { Severity::High } else { Severity::Medium };
    let event = match session_of(ctx, &asks) {
        Some(session) => ctx.reporter.event(&ctx.decider.sessions, EVENT, boot_now(), session),
        None => ctx.reporter.event_of_daemon(EVENT),
    };
    let event = event
        .alert(severity, &refusal.error)
        .with("attempt.cluster_user", proposal.spec.user.clone())
        .with("interlock.action", "deny")
        .with("attempt.request", verb)
        .with("attempt.target", target)
        .with("attempt.count", 1);
    ctx.reporter.publish(&ctx.decider.sessions, event);
}
