//! The decision by examples.

use std::sync::Arc;

use super::*;
use crate::{
    facts::{BootNanos, Mode, Process, SessionId, Stage, Subject},
    rules::RuleSet,
    sessions::Session,
};

fn decider(rules: &str, risk_budget: u32) -> Decider {
    let text = format!("version: 1\nrules:\n  - {rules}\n");
    let rules = Arc::new(RuleSet::parse(&[("test.yaml".into(), text)]).unwrap());
    let mut decider = Decider::new(Settings { rules, mode: Mode::Enforce, risk_budget }, 1);
    decider.sessions.insert(Session::new(SessionId(1), "x".into(), "test".into(), BootNanos(0)));
    decider
}

#[test]
fn a_spent_budget_trips_a_session_when_it_begins_and_not_when_it_is_over() {
    let stops = |stage| {
        let rule = "{id: a, summary: s, on: lifecycle, match: {agent: x}, action: alert, risk: 60}";
        let (mut decider, mut out) = (decider(rule, 60), Vec::new());
        let (at, process, subject) = (BootNanos(1), Process::default(), Subject::Lifecycle(stage));
        let (session, pending) = (SessionId(1), Pending::None);
        let act = Act { session, process, at, subject, pending, pack_off: None };
        decider.step(at, Input::Act(Box::new(act)), &mut out);
        let judged = out.iter().find_map(|effect| match effect {
            Effect::Judged(decision) => Some(decision.verdict.points),
            _ => None,
        });
        assert_eq!(judged, Some(60));
        out.iter().any(|effect| matches!(effect, Effect::Freeze(stop) if stop.who.text() == "risk-budget"))
    };
    assert_eq!((stops(Stage::Started), stops(Stage::Ended)), (true, false));
}

mod model;
mod properties;
