//! Freezing, killing and thawing a session's tree.

use std::collections::HashSet;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::daemon::context::reporter::Reporter;
use interlock_core::{
    decide::Stop,
    facts::{SessionId, Severity},
    hex::hex,
    record::{Kind, Who},
    sessions::{Outcome, Registry, Session},
};
use interlock_host::{
    clock::boot_now,
    enforcement::{freeze, freezer::Freezer},
    probes::Maps,
};

pub fn kill(
    maps: &mut Maps,
    freezer: &mut Freezer,
    reporter: &mut Reporter,
    sessions: &Registry,
    stop: Stop,
) {
    let outcome = freeze::kill(maps, freezer, stop.session);
    reporter.metrics.kills.inc();
    report_stopped(reporter, sessions, "session-killed", Kind::Kill, stop, &outcome);
}

pub fn thaw(
    maps: &mut Maps,
    freezer: &mut Freezer,
    reporter: &mut Reporter,
    sessions: &Registry,
    session: SessionId,
    who: Who,
    stood: &HashSet<u32>,
) {
    let (by, factor) = (who.text(), who.factor().cloned());
    // A person's is recorded before it is decided, and refused where it cannot be.
    if !who.is_person() {
        reporter.record(Kind::Thaw, who, Some(session), []); // open: there is nobody who could be told
    }
    let outcome = freeze::thaw(maps, freezer, session, stood);
    let mut event = reporter
        .event(sessions, "session-thawed", boot_now(), session)
        .with("freeze.processes", outcome.members)
        .with("freeze.still_stopped", json!(outcome.running))
        .with("freeze.decided_by", by); // `user.id` says whose session it is, and so who is told
    if let Some(factor) = factor {
        event = event.with("decision.factor", json!(factor));
    }
    reporter.publish(sessions, event);
}

/// What a decision about a freeze is about: after the next one it is worth nothing.
pub fn freeze_evidence(session: &Session) -> String {
    hex(&Sha256::digest(json!([session.id, session.frozen_at()]).to_string()))
}

pub fn report_stopped(
    reporter: &mut Reporter,
    sessions: &Registry,
    name: &str,
    kind: Kind,
    stop: Stop,
    outcome: &Outcome,
) {
    let Stop { session, who, why, asked } = stop;
    let rule = if let Who::Rule(rule) = &who { vec![rule.clone()] } else { Vec::new() };
    let detail = [
        ("why", why.clone().into()),
        ("processes", outcome.members.into()),
        ("still_running", json!(outcome.running)),
    ];
    reporter.record(kind, who, Some(session), detail);
    let event = reporter
        .event(sessions, name, boot_now(), session)
        .alert(Severity::Critical, &why)
        .with("rule.id", rule)
        .with("freeze.asked_ns", asked.0)
        .with("freeze.done_ns", boot_now().0)
        .with("freeze.processes", outcome.members)
        .with("freeze.passes", outcome.passes)
        .with("freeze.still_running", json!(outcome.running))
        .with("freeze.by_signal", json!(outcome.by_signal))
        .with("freeze.took_us", u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX));
    reporter.publish(sessions, event);
}
