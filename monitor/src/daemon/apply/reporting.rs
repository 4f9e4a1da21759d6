//! Events that report a decision.

use std::sync::Arc;

use serde_json::json;

use crate::daemon::{apply::notices, context::reporter::Reporter};
use interlock_core::{
    decide::{Decider, Decision, Extra, Report, event_name},
    facts::{Action, BootNanos, Lifecycle, SessionId, Severity, Subject},
    holds::Hold,
    sessions::{Registry, Suspension},
    words::Word as _,
};

/// What follows reports this decision.
pub fn count(reporter: &mut Reporter, decider: &Decider, decision: Arc<Decision>) {
    reporter.metrics.event(decision.fact.subject.kind().word());
    if !decision.verdict.matches.is_empty() {
        count_matches(reporter, decider, &decision);
    }
    for rule in &decision.verdict.guard_faults {
        reporter.metrics.guard_failed(&rule.id);
    }
    reporter.explanations.deciding = Some(decision);
}

fn count_matches(reporter: &Reporter, decider: &Decider, decision: &Decision) {
    let fact = &decision.fact;
    let session = fact.session.to_string();
    let suspended =
        decider.sessions.get(fact.session).is_some_and(|session| session.suspended_at(fact.at).is_some());
    for found in &decision.verdict.matches {
        let mode = match (suspended, found.observed_only || decider.observes()) {
            (_, true) => "observe",
            (true, false) => "suspended",
            (false, false) => "enforce",
        };
        reporter.metrics.rule_matched(&found.rule.id, found.action, mode, &session);
    }
}

pub fn report(reporter: &mut Reporter, decider: &Decider, report: Report) {
    match report {
        Report::Act { name, decision, action, extra } => {
            report_act(reporter, decider, name, &decision, action, extra);
        }
        Report::PassedOver { at, session, process, subject, pack } => {
            reporter.metrics.event(subject.kind().word());
            let event = reporter
                .event(&decider.sessions, event_name(&subject), at, session)
                .process(&process)
                .subject(&subject);
            reporter.publish(
                &decider.sessions,
                event.with("secret.pack", pack).with("interlock.action", "allow"),
            );
        }
        Report::Hold { name, at, hold, extra } => {
            report_hold(reporter, &decider.sessions, name, at, &hold, extra)
        }
        Report::Session { name, at, session, extra } => {
            let event = reporter.event(&decider.sessions, name, at, session);
            let event = extra.into_iter().fold(event, |event, (field, value)| event.with(field, value));
            reporter.publish(&decider.sessions, event);
        }
        Report::TouchShared { at, session, paths } => {
            let event = reporter.event(&decider.sessions, "touch-shared", at, session);
            reporter.publish(&decider.sessions, event.with("file.paths", paths));
        }
        Report::Incomplete { at, session, process, why } => {
            let event = reporter.event(&decider.sessions, "session-incomplete", at, session);
            let event = event.process(&process).with("session.incomplete", true).with("message", why);
            reporter.publish(&decider.sessions, event);
        }
        Report::Lost { at, session, records } => {
            let event = reporter.event(&decider.sessions, "records-lost", at, session);
            reporter.publish(&decider.sessions, event.with("interlock.lost", records));
        }
        Report::Suspension { at, session, change, suspension, why } => {
            report_suspension(reporter, &decider.sessions, at, session, change, &suspension, why);
        }
        Report::LetGo { name, at, flow, extra } => {
            let event = reporter.event(&decider.sessions, name, at, SessionId(flow.session));
            let mut event = event.with("process.pid", flow.pid).destination(&flow.destination);
            if let Some(hold) = &flow.hold {
                event = event.with("hold.id", hold.clone());
            }
            for (field, value) in extra {
                event = event.with(field, value);
            }
            reporter.publish(&decider.sessions, event);
        }
        Report::WouldFreeze { at, session, rule, why } => {
            let event = reporter.event(&decider.sessions, "would-freeze", at, session);
            reporter.publish(&decider.sessions, event.with("rule.id", vec![rule]).with("message", why));
        }
    }
}

fn report_act(
    reporter: &mut Reporter,
    decider: &Decider,
    name: &str,
    decision: &Decision,
    action: Action,
    extra: Extra,
) {
    let fact = &decision.fact;
    let mut event = reporter
        .event(&decider.sessions, name, fact.at, fact.session)
        .process(&fact.process)
        .subject(&fact.subject)
        .with("interlock.mode", json!(decider.settings.mode))
        .verdict(&decision.verdict, action);
    if fact.incomplete {
        event = event.with("session.incomplete", true);
    }
    if fact.subject == Subject::Lifecycle(Lifecycle::Started)
        && let Some(session) = decider.sessions.get(fact.session)
    {
        event = event.origin(session);
    }
    for (field, value) in extra {
        event = event.with(field, value);
    }
    if decision.is_habit_again() {
        event = event.without_alert();
    }
    reporter.publish(&decider.sessions, event);
}

/// As loud as a freeze: whoever is told of anything is told of this.
fn report_suspension(
    reporter: &mut Reporter,
    sessions: &Registry,
    at: BootNanos,
    session: SessionId,
    change: &str,
    suspension: &Suspension,
    why: Option<&str>,
) {
    let (way, until) = (suspension.way.word(), reporter.wall.at(suspension.until));
    let message = match why {
        None => format!("everything is allowed until {until} ({}): {}", suspension.text(), suspension.reason),
        Some(why) => format!("rules are in force again: {why} ({})", suspension.text()),
    };
    let mut event = reporter
        .event(sessions, &format!("session-{change}"), at, session)
        .alert(Severity::Critical, &message)
        .with("session.suspended", way)
        .with("suspension.until", json!(until))
        .with("suspension.by", suspension.who.text())
        .with("suspension.reason", suspension.reason.clone());
    if let Some(factor) = suspension.who.factor() {
        event = event.with("decision.factor", json!(factor));
    }
    reporter.publish(sessions, event);
}

fn report_hold(
    reporter: &mut Reporter,
    sessions: &Registry,
    name: &str,
    at: BootNanos,
    hold: &Hold,
    extra: Extra,
) {
    let mut event = reporter.event(sessions, name, at, SessionId(hold.session)).with("hold.id", hold.id());
    for (field, value) in extra {
        event = event.with(field, value);
    }
    reporter.publish(sessions, event.object(&hold.object));
    notices::tell_decided(reporter, sessions, hold, at);
}
