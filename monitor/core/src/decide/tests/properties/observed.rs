//! What followed from a step, as the model sees it.

use crate::{
    decide::{
        Effect, Report, Stop, Waiting,
        tests::model::{Answer, Outcome, Stopped, Waiter},
    },
    facts::{HoldState, SessionId},
    record::Kind,
};

pub fn outcome(effects: &[Effect]) -> Outcome {
    let mut out = Outcome::default();
    let waiter = |waiter: &crate::decide::Waiter| match waiter.what {
        Waiting::Flow(flow) => Waiter { number: flow.cookie, pid: flow.opener },
        Waiting::Caller(caller) => Waiter { number: caller.ino, pid: caller.pid },
    };
    let place = |session: SessionId| usize::try_from(session.0 - 1).unwrap();
    for effect in effects {
        let is_new = match effect {
            Effect::Allow(found) => out.answers.insert((Answer::Allow, waiter(found))),
            Effect::Refuse(found) | Effect::Drop(found) => {
                out.answers.insert((Answer::Refuse, waiter(found)))
            }
            Effect::Freeze(Stop { session, .. }) => out.stopped.insert((place(*session), Stopped::Freeze)),
            Effect::Kill(Stop { session, .. }) => {
                out.stopped.insert((place(*session), Stopped::Kill));
                true
            }
            Effect::Thaw { session, .. } => out.thawed.insert(place(*session)),
            _ => true,
        };
        assert!(is_new, "twice in one step: {effect:?}");
    }
    out
}

pub fn records(effects: &[Effect]) -> Vec<Kind> {
    let kind = |effect: &Effect| match effect {
        Effect::Record(entry) => Some(entry.kind),
        _ => None,
    };
    effects.iter().filter_map(kind).collect()
}

pub fn is_end(effect: &Effect, state: HoldState) -> bool {
    matches!(effect, Effect::Report(Report::Hold { hold, .. }) if hold.state == state)
}

pub fn assert_no_yes(effects: &[Effect]) {
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Allow(_))), "{effects:?}");
}
