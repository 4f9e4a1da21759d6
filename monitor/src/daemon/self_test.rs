//! Proving at the start: no claim of enforcement without it.

use std::time::Instant;

use super::engine::Engine;
use crate::control::api::Enforcement;
use interlock_core::facts::Severity;
use interlock_host::probes::selftest::{self, Finding, Proof};

impl Engine {
    /// Has every hook in force tried. Fails open: what is not proven stays in force, and nobody is told that it holds.
    pub fn prove(&mut self) {
        let started = Instant::now();
        self.proofs = selftest::run(&mut self.probes, &mut self.maps);
        let proven = self.proofs.iter().filter(|proof| proof.finding.is_proven()).count();
        tracing::info!(proven, of = self.proofs.len(), took = ?started.elapsed(), "tried what is in force");
        let gauges = self
            .proofs
            .iter()
            .map(|proof| (proof.feature.name(), proof.backend.name(), proof.finding.is_proven()));
        self.metrics.proven(gauges);
        let unproven: Vec<Proof> =
            self.proofs.iter().filter(|proof| !proof.finding.is_proven()).cloned().collect();
        for proof in unproven {
            self.lower_claim(&proof);
        }
    }

    fn lower_claim(&mut self, proof: &Proof) {
        let (action, backend) = (proof.feature.name(), proof.backend.name());
        let reason = proof.finding.reason().unwrap_or_default();
        tracing::warn!(
            action,
            backend,
            reason,
            "what this hook promises is not claimed; see `interlock doctor`"
        );
        if !matches!(proof.finding, Finding::NotProven(_)) {
            return; // nothing is known to be broken
        }
        let severity = if proof.enforces { Severity::High } else { Severity::Medium };
        let event = self
            .event_of_daemon("enforcement-unproven")
            .alert(severity, "a hook in force did not do what it promises when it was tried at the start")
            .with("interlock.action", "alert")
            .with("enforcement.action", action)
            .with("enforcement.backend", backend)
            .with("enforcement.reason", reason);
        self.publish(event);
    }

    /// What is in force, and whether it was proven.
    pub fn enforcement(&self) -> Vec<Enforcement> {
        let view = |proof: &Proof| Enforcement {
            action: proof.feature.name().into(),
            backend: proof.backend.name().into(),
            proven: proof.finding.is_proven(),
            reason: proof.finding.reason(),
        };
        self.proofs.iter().map(view).collect()
    }
}
