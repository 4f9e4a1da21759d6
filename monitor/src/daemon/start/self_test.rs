//! Proving at the start: no claim of enforcement without it.

use std::time::Instant;

use crate::daemon::context::{Context, reporter::Reporter};
use interlock_core::{facts::Severity, sessions::Registry};
use interlock_host::probes::selftest::{self, Finding, Proof};

/// Has every hook in force tried. Fails open: what is not proven stays in force, and nobody is told that it holds.
pub fn prove(ctx: &mut Context) {
    let started = Instant::now();
    ctx.kernel.proofs = selftest::run(&mut ctx.kernel.probes, &mut ctx.kernel.maps);
    let proven = ctx.kernel.proofs.iter().filter(|proof| proof.finding.is_proven()).count();
    tracing::info!(proven, of = ctx.kernel.proofs.len(), took = ?started.elapsed(), "tried what is in force");
    let gauges = ctx
        .kernel
        .proofs
        .iter()
        .map(|proof| (proof.feature.name(), proof.backend.name(), proof.finding.is_proven()));
    ctx.reporter.metrics.proven(gauges);
    let unproven: Vec<Proof> =
        ctx.kernel.proofs.iter().filter(|proof| !proof.finding.is_proven()).cloned().collect();
    for proof in unproven {
        lower_claim(&mut ctx.reporter, &ctx.decider.sessions, &proof);
    }
}

fn lower_claim(reporter: &mut Reporter, sessions: &Registry, proof: &Proof) {
    let (action, backend) = (proof.feature.name(), proof.backend.name());
    let reason = proof.finding.reason().unwrap_or_default();
    tracing::warn!(action, backend, reason, "what this hook promises is not claimed; see `interlock doctor`");
    if !matches!(proof.finding, Finding::NotProven(_)) {
        return; // nothing is known to be broken
    }
    let severity = if proof.enforces { Severity::High } else { Severity::Medium };
    let event = reporter
        .event_of_daemon("enforcement-unproven")
        .alert(severity, "a hook in force did not do what it promises when it was tried at the start")
        .with("interlock.action", "alert")
        .with("enforcement.action", action)
        .with("enforcement.backend", backend)
        .with("enforcement.reason", reason);
    reporter.publish(sessions, event);
}
