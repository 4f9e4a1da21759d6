//! `interlock status` and `interlock doctor`.

use crate::{
    config::Desktop,
    control::{
        api::{Enforcement, NotifyTry, Refusal, Status},
        command::{RequestError, Strength},
        peer::Caller,
    },
    daemon::{
        context::Context,
        serve::{permissions, strength::enrolling},
        upkeep::{losses, registries, rules},
    },
};
use interlock_core::health::{Check, CheckState};
use interlock_host::probes::{
    self,
    loader::{InForce, State},
    selftest::{Finding, Proof},
    table::Backend,
};

/// What stands in the rules' files is root's: others are told where a mistake is, and not the line.
pub fn status(ctx: &Context, caller: &Caller) -> Status {
    let mut status = whole_status(ctx);
    if caller.uid != 0 {
        let rules = &mut status.rules;
        rules.problems.0.iter_mut().for_each(|problem| problem.source = None);
        rules.problem = rules.problem.take().map(|_| rules.problems.to_string());
    }
    status
}

fn whole_status(ctx: &Context) -> Status {
    Status {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        started: ctx.started,
        mode: ctx.config.mode,
        rules: rules::rules_view(&ctx.decider.settings.rules, &ctx.policies, &ctx.kernel.probes),
        sessions: ctx.decider.sessions.len(),
        holds_waiting: ctx.decider.holds().waiting().count(),
        frozen: ctx.decider.sessions.iter().filter(|session| session.is_frozen()).count(),
        suspended: suspended(ctx),
        events: ctx.reporter.events,
        lost: losses::lost(&ctx.kernel, &ctx.reporter),
        dismissed: ctx.reporter.dismissed.named(),
        enforcement: enforcement(&ctx.kernel.proofs),
        registries: registries::registries_view(ctx),
        desktop_decides: ctx.config.desktop == Desktop::Decide,
        metrics: ctx.metrics_address.clone(),
        socket: ctx.config.socket.display().to_string(),
    }
}

fn suspended(ctx: &Context) -> usize {
    ctx.decider.sessions.iter().filter(|session| session.suspension().is_some()).count()
}

/// Whether something is allowed for a time that rules would stop.
fn check_suspended(ctx: &Context) -> Check {
    let (subject, count) = ("rules are in force".to_owned(), suspended(ctx));
    if count == 0 {
        let found = "for every session".to_owned();
        return Check { subject, state: CheckState::Good, found, advice: None };
    }
    let found = format!("NOT for {count} of the sessions, in which EVERYTHING IS ALLOWED for a time");
    let advice =
        Some("interlock ps says which and how long; --end of break-glass and pause ends it".to_owned());
    Check { subject, state: CheckState::Limited, found, advice }
}

/// What this machine allows, and what is attached right now.
pub fn doctor(ctx: &Context, strength: Option<&Strength>) -> Vec<Check> {
    probes::doctor()
        .into_iter()
        .chain(ctx.kernel.probes.in_force().iter().map(|served| in_force(served, &ctx.kernel.proofs)))
        .chain([
            rules::check_rules(&ctx.decider.settings.rules, &ctx.kernel.probes),
            rules::check_packs(&ctx.decider.settings.rules, &ctx.policies.catalog),
            ctx.reporter.notary.check(&ctx.reporter.ledger, &ctx.reporter.unwritten),
            ctx.reporter.channels.terminals.check(),
        ])
        .chain(ctx.surveying.pods.check())
        .chain([check_suspended(ctx), enrolling::check_factors(strength)])
        .chain(losses::check_losses(&ctx.kernel, &ctx.reporter))
        .chain(ctx.reporter.channels.notifier.checks())
        .chain(cluster_checks(ctx))
        .collect()
}

#[cfg(feature = "kubernetes")]
fn cluster_checks(ctx: &Context) -> Vec<Check> {
    ctx.reporter.channels.cluster.checks(&ctx.config.kubernetes.roles)
}

#[cfg(not(feature = "kubernetes"))]
fn cluster_checks(_: &Context) -> Vec<Check> {
    Vec::new()
}

/// Sends a test to one target of the notifier's, or to each.
pub fn test_notifier(ctx: &Context, caller: &Caller, test: &NotifyTry) -> Result<Vec<String>, RequestError> {
    permissions::administer(&ctx.config, caller, "send a test")?;
    let names = ctx.reporter.channels.notifier.test(test.target.as_deref());
    if names.is_empty() {
        let error = match &test.target {
            Some(target) => format!("no target of the notifier is named {target}"),
            None => "no target of the notifier is configured".to_owned(),
        };
        let hint =
            Some("see [[notify]] in the daemon's configuration, which is read at its start".to_owned());
        return Err(RequestError::NotFound(Refusal { error, hint }));
    }
    Ok(names)
}

/// What is in force, and whether it was proven.
fn enforcement(proofs: &[Proof]) -> Vec<Enforcement> {
    let view = |proof: &Proof| Enforcement {
        action: proof.feature.name().into(),
        backend: proof.backend.name().into(),
        proven: proof.finding.is_proven(),
        reason: proof.finding.reason(),
    };
    proofs.iter().map(view).collect()
}

fn in_force(served: &InForce, proofs: &[Proof]) -> Check {
    let mut refused = refusals(&served.refused);
    let finding = proofs.iter().find(|proof| proof.feature == served.feature).map(|proof| &proof.finding);
    refused.extend(finding.and_then(Finding::reason));
    let found = match served.spec {
        Some(spec) => format!("{}: {}", spec.backend.name(), spec.can),
        None => "nothing attached".to_owned(),
    };
    if let State::Failed(why) = &served.state {
        refused.push(format!("not attached: {why}"));
    }
    let state =
        if served.spec.is_some() && refused.is_empty() { CheckState::Good } else { CheckState::Limited };
    let rests = served.spec.is_some() && served.state == State::Detached;
    let marks = [(finding.is_some_and(Finding::is_proven), "proven"), (rests, "at rest")];
    let marks: Vec<&str> = marks.iter().filter_map(|(holds, mark)| holds.then_some(*mark)).collect();
    let found = if marks.is_empty() { found } else { format!("{found} ({})", marks.join(", ")) };
    let advice = (!refused.is_empty()).then(|| refused.join("; "));
    Check { subject: served.feature.name().into(), state, found, advice }
}

/// `lsm, tracing: Operation not permitted (os error 1)`: each reason once, with the backends it keeps away.
fn refusals(refused: &[(Backend, String)]) -> Vec<String> {
    let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
    for (backend, why) in refused {
        match grouped.iter_mut().find(|(known, _)| known == why) {
            Some((_, backends)) => backends.push(backend.name()),
            None => grouped.push((why, vec![backend.name()])),
        }
    }
    grouped.into_iter().map(|(why, backends)| format!("{}: {why}", backends.join(", "))).collect()
}
