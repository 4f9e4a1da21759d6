//! Whether anything may be learned from a session at all.

use crate::{
    facts::Action,
    replay::{Record, RecordedFact, Ruled, What},
    rule_test::{Answer, describe},
};

/// Reasons that are listed; a session that was killed has many.
const TOLD_MAX: usize = 10;

/// Why nothing may be learned from the session of `record`; empty where something may. `ruled` is what the present rules
/// say of it.
///
/// A session that tripped is no example of good work, and of one that is not wholly known nobody can say that it did not.
pub fn objections(record: &Record, ruled: &[Ruled<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    if !record.incidents.iter().any(|incident| incident.what == What::Started) {
        found.push(
            "the session is not known from its beginning: nobody knows whether it tripped before".to_owned(),
        );
    }
    if record.lost > 0 || record.incidents.iter().any(|incident| incident.what == What::Lost) {
        found.push("events are missing: nobody knows whether it tripped in between".to_owned());
    }
    let incomplete = |fact: &RecordedFact| matches!(fact, RecordedFact::Done { incomplete: true, .. });
    if record.entries.iter().any(|entry| incomplete(&entry.fact)) {
        found.push(
            "records of the session were lost in the kernel: what it did is not wholly known".to_owned(),
        );
    }
    for incident in &record.incidents {
        if let What::Tripped(text) = &incident.what {
            found.push(format!("it tripped at {}: {text}", incident.time));
        }
    }
    for entry in &record.entries {
        if let RecordedFact::Done { recorded, .. } = &entry.fact
            && recorded.action.is_some_and(|action| action >= Action::Deny)
        {
            found.push(format!(
                "it tripped at {}: {}: {}",
                entry.time,
                entry.describe(),
                entry.describe_decision()
            ));
        }
    }
    for Ruled { entry, decisions } in ruled {
        if decisions.iter().any(|decision| decision.answer >= Answer::Deny) {
            let (event, decided) = (entry.describe(), describe(decisions));
            found
                .push(format!("under the present rules it would trip at {}: {event}: {decided}", entry.time));
        }
    }
    found.dedup();
    if found.len() > TOLD_MAX {
        let more = found.len() - TOLD_MAX;
        found.truncate(TOLD_MAX);
        found.push(format!("and {more} more"));
    }
    found
}
