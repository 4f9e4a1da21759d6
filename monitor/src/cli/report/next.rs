//! What to do about it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::tally::Tally;

/// Sessions that are named to learn from.
const SESSIONS: usize = 3;

/// A sentence or a command each, the most urgent first.
pub fn next(
    total: Tally,
    waiting: &[String],
    lost_records: u64,
    lessons: &BTreeMap<String, u64>,
    (since, until): (Timestamp, Timestamp),
) -> Vec<String> {
    let mut next = Vec::new();
    if !waiting.is_empty() {
        next.push(format!("{} may still wait: look with `interlock watch`", waiting.join(", ")));
    }
    if lost_records > 0 {
        next.push("records were lost, so not everything was judged: `interlock doctor` says more".to_owned());
    }
    if total.unanswered > 0 {
        next.push(format!(
            "{} holds were answered by nobody: see them with `interlock events --kind hold-expired --since {since:.0} \
            --until {until:.0}`",
            total.unanswered
        ));
    }
    let mut lessons: Vec<(&String, &u64)> = lessons.iter().collect();
    lessons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (session, count) in lessons.iter().take(SESSIONS) {
        next.push(format!(
            "`interlock suggest {session}` proposes exceptions for what it was right to do ({count})"
        ));
    }
    if lessons.len() > SESSIONS {
        next.push(format!("and so for {} more sessions", lessons.len() - SESSIONS));
    }
    if total.would > 0 {
        next.push(
            "what is left is what enforce mode would stop: when that is right, set `mode = \"enforce\"`"
                .to_owned(),
        );
    }
    if next.is_empty() {
        next.push("nothing: no rule had to ask anybody".to_owned());
    }
    next
}
